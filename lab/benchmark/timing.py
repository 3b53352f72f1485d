"""Times several things alternately."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

import torch


def median_seconds(
    cases: Mapping[str, Callable[[], object]],
    rounds: int,
    warmup: int = 1,
    device: torch.device | None = None,
) -> dict[str, float]:
    """Returns the median seconds of each case.

    All cases run once in a round, in their order, so that whatever else the machine does hits all
    of them alike.

    Args:
        cases: what to time, by name.
        rounds: timed runs of each case.
        warmup: runs of each case before that.
        device: of the work; on a GPU events on its stream are timed, not the host's calls.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for run in range(warmup + rounds):
        for name, case in cases.items():
            gc.collect()  # no case pays for the garbage of the one before
            elapsed = _seconds_of(case, device)
            if run >= warmup:
                seconds[name].append(elapsed)
    return {name: statistics.median(values) for name, values in seconds.items()}


def _seconds_of(case: Callable[[], object], device: torch.device | None) -> float:
    if device is None or device.type != 'cuda':
        start = time.perf_counter()
        case()
        return time.perf_counter() - start
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    start.record()
    case()
    end.record()
    torch.cuda.synchronize(device)
    return start.elapsed_time(end) / 1000
