"""The verb `scale`: a step on one process, on two, and what that says of many.

Two gloo processes with one thread each are timed beside one process with two threads, on the same
images: each of the two has the batch that the verb `step` has. A model of data-parallel training
then says where more processes stop helping:

    step(n) = forward + max(backward, reduce(n)) + reduce(n) / buckets + update
    reduce(n) = 2 (n - 1) / n * bytes / bandwidth + 2 (n - 1) * buckets * latency

Gradients travel in buckets around a ring (Patarasuk and Yuan 2009) while the backward pass goes on;
the last bucket has nothing left to hide behind.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from lab.benchmark.detectors import CASES, Batch, Case, build_ours, make_batch
from lab.benchmark.report import Cell, Report
from mmlite.engine.prepare_model import for_several_processes
from mmlite.parallel.model_wrapper import parse_losses

BUCKET_BYTES = 25 * 2**20  # DistributedDataParallel's own
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class StepCost:
    """Seconds of the parts of one process' step, and what travels.

    Args:
        forward, backward, update: seconds.
        num_bytes: of all gradients.
    """

    forward: float
    backward: float
    update: float
    num_bytes: int


@dataclass(frozen=True)
class Link:
    """What connects two processes.

    Args:
        bandwidth: bytes a second.
        latency: seconds until the first byte arrives.
    """

    bandwidth: float
    latency: float


def measure(
    model: str,
    rounds: int,
    repeats: int,
    bandwidth: float | None,
    latency: float | None,
    compute: tuple[float, float, float] | None,
) -> Report:
    """Times one process of two threads and two of one by turns, and models 1 to 256.

    Args:
        model: a key of CASES.
        rounds: timed steps in each turn.
        repeats: turns.
        bandwidth: GB/s of the model's link; None for what gloo reaches here.
        latency: microseconds of the model's link; None for what gloo reaches here.
        compute: seconds of forward, backward and update in the model, such as those of a GPU; None
            for those of one process of one thread here.
    """
    case = CASES[model]
    whole, half = 2 * case.batch_size, case.batch_size
    one, two, alone = [], [], []
    for _ in range(repeats):
        one += run_processes(case, 1, whole, 2, rounds)
        two += run_processes(case, 2, half, 1, rounds)
        alone += run_processes(case, 1, half, 1, rounds)
    parts = compute or [_median(alone, part) for part in ('forward', 'backward', 'update')]
    cost = StepCost(*parts, num_bytes=int(two[0]['num_bytes']))
    link = Link(
        two[0]['bandwidth'] if bandwidth is None else bandwidth * 1e9,
        two[0]['latency'] if latency is None else latency * 1e-6,
    )
    rows = [
        _row('1 of 2 threads', 'measured', whole, _median(one, 'step'), _median(one, 'step')),
        _row('2 of 1 thread', 'measured', whole, _median(two, 'step'), _median(one, 'step')),
    ]
    rows += [
        _row(str(n), 'modelled', n * half, step_seconds(cost, link, n), sum(parts)) for n in COUNTS
    ]
    notes = [
        f'{model}: {cost.num_bytes / 1e6:.0f} MB of gradients. Modelled: {half} images in each '
        f'process, forward {cost.forward:.3g} s, backward {cost.backward:.3g} s, update '
        f'{cost.update:.3g} s, {link.bandwidth / 1e9:.3g} GB/s, {link.latency * 1e6:.3g} us.',
        'efficiency: the share of the step that a process which waits for nobody would need.',
    ]
    return Report('scale', rows, dict(model=model, rounds=rounds, repeats=repeats), notes)


def step_seconds(cost: StepCost, link: Link, processes: int) -> float:
    """Returns the modelled seconds of one step of `processes`, see the module."""
    alone = cost.forward + cost.backward + cost.update
    if processes == 1:
        return alone
    buckets = math.ceil(cost.num_bytes / BUCKET_BYTES)
    hops = 2 * (processes - 1)
    reduce = hops / processes * cost.num_bytes / link.bandwidth + hops * buckets * link.latency
    return alone + max(reduce - cost.backward, 0) + reduce / buckets


def _row(name: str, how: str, images: int, seconds: float, ideal: float) -> dict[str, Cell]:
    return {
        'processes': name,
        'how': how,
        'step s': seconds,
        'images/s': images / seconds,
        'efficiency': ideal / seconds,
    }


def _median(steps: list[dict[str, float]], part: str) -> float:
    return statistics.median(step[part] for step in steps)


# ---- in the processes ------------------------------------------------------------------------


def run_processes(
    case: Case, processes: int, batch_size: int, threads: int, rounds: int
) -> list[dict[str, float]]:
    """Trains in so many new processes; returns what each of the timed steps took on the first.

    The first dict also has the link's `bandwidth` and `latency`, where there are two.
    """
    with tempfile.TemporaryDirectory() as folder:
        setting = dict(processes=processes, batch_size=batch_size, threads=threads, rounds=rounds)
        torch.multiprocessing.spawn(_train, (case, setting, folder), nprocs=processes)
        return json.loads(Path(folder, 'steps.json').read_text(encoding='utf-8'))


def _train(rank: int, case: Case, setting: dict[str, int], folder: str) -> None:
    torch.set_num_threads(setting['threads'])
    dist.init_process_group(
        'gloo',
        init_method=f'file://{folder}/store',
        rank=rank,
        world_size=setting['processes'],
        timeout=timedelta(minutes=10),
    )
    device = torch.device('cpu')
    detector = build_ours(case, device)
    model = for_several_processes(detector) if setting['processes'] > 1 else detector
    batch = make_batch(replace(case, batch_size=setting['batch_size']), device)
    optimizer = torch.optim.SGD(detector.parameters(), lr=1e-4, momentum=0.9)
    steps = [_timed_step(model, optimizer, batch) for _ in range(setting['rounds'] + 1)][1:]
    steps[0]['num_bytes'] = sum(p.numel() * 4 for p in detector.parameters() if p.requires_grad)
    if setting['processes'] > 1:
        steps[0].update(asdict(_gloo_link(steps[0]['num_bytes'])))
    if rank == 0:
        Path(folder, 'steps.json').write_text(json.dumps(steps), encoding='utf-8')
    dist.barrier()
    dist.destroy_process_group()


def _timed_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch
) -> dict[str, float]:
    dist.barrier()
    optimizer.zero_grad()
    started = time.perf_counter()
    losses = model(batch.img, batch.img_metas, batch.gt_bboxes, batch.gt_labels)
    total, _ = parse_losses(losses)
    forward = time.perf_counter()
    total.backward()
    backward = time.perf_counter()
    optimizer.step()
    ended = time.perf_counter()
    return dict(
        forward=forward - started,
        backward=backward - forward,
        update=ended - backward,
        step=ended - started,
    )


def _gloo_link(num_bytes: int) -> Link:
    """Two processes exchange each byte once in a ring of two: 2 (n - 1) / n = 1."""
    return Link(num_bytes / _reduce_seconds(num_bytes // 4), _reduce_seconds(1) / 2)


def _reduce_seconds(count: int) -> float:
    values, seconds = torch.zeros(count), []
    for _ in range(5):
        dist.barrier()
        started = time.perf_counter()
        dist.all_reduce(values)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
