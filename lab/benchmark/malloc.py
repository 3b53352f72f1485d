"""The verb `malloc`: the time saved when a CPU keeps freed feature maps, and the memory it takes.

malloc is set up once for a whole process, so each figure comes from a process of its own.
"""

from __future__ import annotations

import dataclasses
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence

import torch

from lab.benchmark.detectors import CASES, Case, build_ours, make_batch
from lab.benchmark.report import Cell, Report
from lab.benchmark.step import losses_of, training_step
from lab.benchmark.step_memory import resident_peak
from lab.benchmark.timing import median_seconds
from lab.processes import environment
from mmlite.models.layers import prepare_for_inference
from mmlite.support.allocator import keep_feature_maps

CPU = torch.device('cpu')
STEPS = 5  # of a process, whose median is its figure
WORK = ('step', 'infer')
FULL_SIZE = dict(batch_size=1, side=1024)  # as many pixels as 1333x800


def measure(models: Sequence[str], rounds: int, threads: int | None) -> Report:
    """Times training steps and inference, alternately with freed memory kept and given back.

    Args:
        models: keys of CASES; RetinaNet and FCOS at about their configs' own size.
        rounds: processes for each figure.
        threads: of torch; None leaves them.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    rows = [_row(model, work, rounds) for model in models for work in WORK]
    notes = [
        f'Medians of {rounds} processes, of {STEPS} runs each after two; MB: the peak of each.'
    ]
    return Report('malloc', rows, dict(rounds=rounds), notes)


def _row(model: str, work: str, rounds: int) -> dict[str, Cell]:
    found: dict[str, list[tuple[float, float]]] = {'kept': [], 'given back': []}
    for _ in range(rounds):
        for how, figures in found.items():
            figures.append(_in_a_process(how, work, model))
    (kept, kept_mb), (back, back_mb) = (
        map(statistics.median, zip(*figures, strict=True)) for figures in found.values()
    )
    case = case_of(model)
    return {
        'what': f'{model}, {work}, {case.batch_size} x {case.side} px',
        'kept s': kept,
        'given back s': back,
        'kept/given back': kept / back,
        'kept MB': kept_mb,
        'given back MB': back_mb,
    }


def case_of(model: str) -> Case:
    """The benchmark's case of a model at its full size; SSD300 has one size."""
    case = CASES[model]
    return case if model == 'ssd300' else dataclasses.replace(case, **FULL_SIZE)


def _in_a_process(how: str, work: str, model: str) -> tuple[float, float]:
    command = [sys.executable, '-m', 'lab.benchmark.malloc', how, work, model]
    command.append(str(torch.get_num_threads()))
    ended = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=environment()
    )
    seconds, megabytes = map(float, ended.stdout.split())
    return seconds, megabytes


def _time(how: str, work: str, model: str, threads: str) -> tuple[float, float]:
    """Returns the median seconds of a run, and the peak of this process in MB."""
    torch.set_num_threads(int(threads))
    if how == 'kept':
        keep_feature_maps()
    run = _work_of(work, case_of(model))
    seconds = median_seconds({'': run}, STEPS, warmup=2)['']
    return seconds, resident_peak(CPU) / 1e6


def _work_of(work: str, case: Case) -> Callable[[], object]:
    detector, batch = build_ours(case, CPU), make_batch(case, CPU)
    if work == 'step':
        return training_step(detector, lambda: losses_of(detector, batch))
    prepare_for_inference(detector)
    return torch.inference_mode()(lambda: detector.predict(batch.img, batch.img_metas))


if __name__ == '__main__':
    print(*_time(*sys.argv[1:]))
