"""The table of checks, and what becomes of those that raise."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mmlite.engine.parts import MissingPartError
from mmlite.errors import ExpectedError
from mmlite.support.progress import progress
from mmlite.tools.doctor.building import parts, weights
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.data import annotations, classes, splits
from mmlite.tools.doctor.finding import Finding, error, skipped
from mmlite.tools.doctor.heads import coder, priors
from mmlite.tools.doctor.normalisation import network_input, normalisation
from mmlite.tools.doctor.pipeline import boxes
from mmlite.tools.doctor.running import evaluation, ground_truth, overfit, step
from mmlite.tools.doctor.schedule import schedule
from mmlite.tools.doctor.second_stage import rois
from mmlite.tools.doctor.training import frozen, learning_rate, sampling
from mmlite.tools.doctor.units import units

Check = Callable[[Context], list[Finding]]

# in the order of `QUESTIONS`: what takes long comes last
CHECKS: dict[str, Check] = dict(
    parts=parts,
    classes=classes,
    annotations=annotations,
    splits=splits,
    normalisation=normalisation,
    frozen=frozen,
    learning_rate=learning_rate,
    units=units,
    schedule=schedule,
    sampling=sampling,
    input=network_input,
    boxes=boxes,
    priors=priors,
    coder=coder,
    ground_truth=ground_truth,
    weights=weights,
    rois=rois,
    step=step,
    evaluation=evaluation,
    overfit=overfit,
)


def examine(context: Context, only: Sequence[str] = ()) -> Iterator[Finding]:
    """Runs the checks, those of `only` or all, and yields what they find as they find it.

    A check that is not begun for lack of time says so, and one that raises has found an error: it
    ran nothing but what the config names.
    """
    wanted = {name: check for name, check in CHECKS.items() if not only or name in only}
    for name, check in progress(wanted.items(), 'doctor, checks', len(wanted)):
        for finding in _answers(check, context):
            yield replace(finding, check=name)


def _answers(check: Check, context: Context) -> list[Finding]:
    if context.seconds_left() < 0:
        return [skipped(f'the {context.seconds:g} s are over', '--full takes the time')]
    try:
        return check(context)
    except MissingPartError as missing:
        return [skipped(str(missing))]
    except ExpectedError as refusal:
        return [error(str(refusal), 'what the message says')]
    except Exception as raised:
        evidence = f'{type(raised).__name__}: {raised}\n{_place(raised)}'
        return [error(evidence, 'the part at that place; see there what it was given')]


def _place(raised: Exception) -> str:
    frame = traceback.extract_tb(raised.__traceback__)[-1]
    return f'{Path(frame.filename).name}, line {frame.lineno}: {frame.line}'
