"""The verb `step`: forward, losses, backward and SGD of one batch that lies on the device.

Its floor is the network without a detector around it: the same layers on the same batch, the mean
of what they return as the loss, backward and SGD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from lab.benchmark.detectors import CASES, Batch, build_ours, build_peer, make_batch
from lab.benchmark.report import Report, has_bfloat16_instructions
from lab.benchmark.timing import median_seconds
from mmlite.engine.amp import half_dtype


def measure(models: Sequence[str], device: str, rounds: int, threads: int | None) -> Report:
    """Times the steps of mmlite, mmlite with `--amp`, torchvision and both floors alternately.

    Without torchvision's where it has no such detector, and without `--amp` on a CPU that has no
    bfloat16 instructions: it would take many times as long and say nothing.

    Args:
        models: keys of CASES.
        device: 'cpu' or 'cuda'.
        rounds: timed steps of each.
        threads: of torch on the CPU; None leaves them.
    """
    return compare(
        'step',
        models,
        device,
        rounds,
        threads,
        own_cases=lambda ours, batch: dict(
            ours=training_step(ours, lambda: losses_of(ours, batch)),
            floor=training_step(ours, lambda: _means(network(ours, batch))),
            amp=training_step(ours, in_half_precision(device, lambda: losses_of(ours, batch))),
        ),
        peer_cases=lambda peer, batch: dict(
            peer=training_step(peer, lambda: peer_losses(peer, batch)),
            peer_floor=training_step(peer, lambda: _means(peer_network(peer, batch))),
        ),
    )


Cases = dict[str, Callable[[], object]]  # what is timed, by name


def compare(
    verb: str,
    models: Sequence[str],
    device: str,
    rounds: int,
    threads: int | None,
    own_cases: Callable[[nn.Module, Batch], Cases],
    peer_cases: Callable[[nn.Module, Batch], Cases],
) -> Report:
    """Times the cases of each model alternately, and puts them into a table."""
    if threads is not None:
        torch.set_num_threads(threads)
    where = torch.device(device)
    has_amp = where.type != 'cpu' or has_bfloat16_instructions()
    rows = []
    for name in models:
        case = CASES[name]
        batch = make_batch(case, where)
        cases = own_cases(build_ours(case, where), batch)
        if not has_amp:
            del cases['amp']
        if case.peer is not None:
            cases |= peer_cases(build_peer(case, where), batch)
        seconds = median_seconds(cases, rounds, warmup=2, device=where)
        rows.append(_row(f'{name}, {case.batch_size} x {case.side} px', seconds))
    notes = [
        'floor: only the layers, mmlite\'s; "torchvision/own floor" the same of torchvision\'s.',
    ]
    if not has_amp:
        notes.append('This CPU has no bfloat16 instructions: amp was not measured.')
    return Report(verb, rows, dict(rounds=rounds, device=device), notes)


def training_step(model: nn.Module, losses: Callable[[], Iterable[Tensor]]) -> Callable[[], None]:
    """Returns a step: the sum of `losses()` is differentiated, SGD with momentum updates."""
    fused = next(model.parameters()).is_cuda
    optimizer = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad],
        lr=1e-4,
        momentum=0.9,
        weight_decay=1e-4,
        fused=fused or None,
    )

    def step() -> None:
        optimizer.zero_grad()
        sum(losses()).backward()
        optimizer.step()

    return step


def in_half_precision(device: str, function: Callable[[], object]) -> Callable[[], object]:
    """Returns `function` under autocast, as `--amp` runs it."""

    def run() -> object:
        with torch.autocast(device, half_dtype()):
            return function()

    return run


def losses_of(detector: nn.Module, batch: Batch) -> Iterable[Tensor]:
    """mmlite's losses of a batch."""
    metas = batch.img_metas
    return detector.loss(batch.img, metas, batch.gt_bboxes, batch.gt_labels).values()


def peer_losses(peer: nn.Module, batch: Batch) -> Iterable[Tensor]:
    """torchvision's losses of a batch."""
    return peer(list(batch.img), batch.targets).values()


def network(detector: nn.Module, batch: Batch) -> Iterable[Tensor]:
    """What mmlite's layers return for a batch."""
    return detector.bbox_head(detector.extract_feat(batch.img)).values()


def peer_network(peer: nn.Module, batch: Batch) -> Iterable[Tensor]:
    """What torchvision's layers return for a batch."""
    return peer.head(list(peer.backbone(batch.img).values())).values()


def _means(outs: Iterable[Tensor]) -> list[Tensor]:
    return [out.float().mean() for out in outs]


def _row(name: str, seconds: dict[str, float]) -> dict[str, float | str | None]:
    def ratio(case: str, other: str) -> float | None:
        both = case in seconds and other in seconds
        return seconds[case] / seconds[other] if both else None

    return {
        'model': name,
        'mmlite s': seconds['ours'],
        'torchvision s': seconds.get('peer'),
        'floor s': seconds['floor'],
        'mmlite/torchvision': ratio('ours', 'peer'),
        'mmlite/floor': ratio('ours', 'floor'),
        'torchvision/own floor': ratio('peer', 'peer_floor'),
        'amp s': seconds.get('amp'),
        'amp/mmlite': ratio('amp', 'ours'),
        'amp/torchvision': ratio('amp', 'peer'),
    }
