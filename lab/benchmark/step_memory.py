"""What a training step takes in memory at its peak: model, gradients, momentum, feature maps.

On a CPU each model trains in a process of its own, whose largest resident size is read.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn

from lab.benchmark.detectors import CASES, Batch, build_ours, build_peer, make_batch
from lab.benchmark.step import losses_of, network, peer_losses, training_step
from lab.processes import environment

STEPS = 3  # the second one has momentum, the third what an allocator keeps


def peaks_of_step(model: str, device: str, rounds: int) -> list[float]:
    """Returns the peaks of mmlite, of torchvision and of only mmlite's layers: medians in MB.

    Args:
        model: a key of CASES.
        device: 'cpu' or 'cuda'.
        rounds: processes of each, run alternately.
    """
    peaks: dict[str, list[float]] = {'mmlite': [], 'torchvision': [], 'layers': []}
    for _ in range(rounds):
        for who, found in peaks.items():
            command = [sys.executable, '-m', 'lab.benchmark.step_memory', who, model, device]
            ended = subprocess.run(command, check=True, capture_output=True, env=environment())
            found.append(float(ended.stdout))
    return [statistics.median(found) for found in peaks.values()]


def _peak(who: str, model: str, device: str) -> float:
    case, where = CASES[model], torch.device(device)
    batch = make_batch(case, where)
    before = resident_peak(where)
    detector = build_peer(case, where) if who == 'torchvision' else build_ours(case, where)
    step = training_step(detector, lambda: _losses(who, detector, batch))
    for _ in range(STEPS):
        step()
    return (resident_peak(where) - before) / 1e6


def _losses(who: str, detector: nn.Module, batch: Batch) -> list[torch.Tensor]:
    if who == 'layers':
        return [out.float().mean() for out in network(detector, batch)]
    return list((peer_losses if who == 'torchvision' else losses_of)(detector, batch))


def resident_peak(device: torch.device) -> int:
    """Bytes that this process held at most: resident ones, or those on the GPU."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device)
    # not getrusage's ru_maxrss: a new process inherits that of the one that started it
    for line in Path('/proc/self/status').read_text(encoding='utf-8').splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) * 1024
    raise RuntimeError('/proc/self/status has no VmHWM: the peak on a CPU is read only on Linux')


if __name__ == '__main__':
    print(_peak(*sys.argv[1:]))
