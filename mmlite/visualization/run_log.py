"""The numbers that a training logged: `vis_data/scalars.json` of its runs, read as one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mmlite.errors import DataError
from mmlite.support.files import near_files


def read_scalars(path: Path) -> list[dict]:
    """Returns the lines of one scalars.json; half a line, as a stopped run may leave, is left out.

    Raises:
        DataError: there is no such file.
    """
    if not path.is_file():
        raise DataError(f'{path}: no such file; training writes WORK_DIR/*/vis_data/scalars.json')
    lines = []
    for text in path.read_text(encoding='utf-8').splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def read_training(source: Path) -> list[dict]:
    """Returns the lines of a training: of a scalars.json, or of the last training of a work dir.

    Each run of a work dir has a folder of its own. Those that were resumed go on where the one
    before had stopped; a run that begins at its first iteration is another training.

    Raises:
        DataError: there is none.
    """
    if source.is_file():
        return read_scalars(source)
    if not source.is_dir():
        raise DataError(f'{source}: no such file or folder.{near_files(source, "*/")}')
    runs = [read_scalars(path) for path in sorted(source.glob('*/vis_data/scalars.json'))]
    runs = [lines for lines in runs if is_training(lines)]
    if not runs:
        raise DataError(f'{source}: no training; one writes {source}/*/vis_data/scalars.json')
    firsts = [next(line['iter'] for line in lines if 'iter' in line) for lines in runs]
    begin = max((i for i, first in enumerate(firsts) if first == 1), default=0)
    return [line for lines in runs[begin:] for line in lines]


def is_training(lines: Sequence[dict]) -> bool:
    """Whether there are lines of training iterations among them."""
    return any('iter' in line for line in lines)


def best_validation(lines: Sequence[dict]) -> int | None:
    """Returns the epoch (or iteration) of the validation whose results a training keeps.

    As `RunPicturesHook` chooses it: the greatest first figure whose name ends in mAP, the last of
    equals; where there is no such figure, the last validation. None if there was no validation.
    """
    scores = {
        line['step']: next((value for name, value in line.items() if name.endswith('mAP')), 0.0)
        for line in lines
        if 'iter' not in line and 'step' in line
    }
    return max(scores, key=lambda step: (scores[step], step), default=None)
