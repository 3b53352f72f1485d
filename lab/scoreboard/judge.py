"""How far a config gets: is it read, does its model build, and if not, why."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from lab.scoreboard.step import drawn_sets, problem_of_a_step
from mmlite.config import load_config
from mmlite.errors import DataError, UserError
from mmlite.tools.migrate.verify import check_whole

# a pattern of messages, and what it is counted as; the first that fits counts
KINDS = (
    (r'masks are not supported', 'masks'),
    (r"type '([\w.]+)' is not in the registry", 'type {}'),
    (r"needs the package (\w+)|No module named '?(\w+)", 'package {}'),
    (r"(\w+ takes no argument '\w+')", '{}'),
    (r'(\w+\.\w+: only \S+ is supported)', '{}'),
    (r'is a variable that a _base_ has', 'a variable of a base, set again'),
    (r"(the config has no '\w+')", '{}'),
    (r'(\w+): \w+ supports only', 'value of {}'),
)


class Outcome(NamedTuple):
    """What became of a config file.

    Args:
        folder, name: of the file.
        holds_model: False for parts of a config, such as one for test-time augmentation.
        reason: why it does not build (of parts: load), as it is counted; '' if it does.
        message: the error in full.
        step: '' where a training step and a test went well, None where they were not tried, else
            the error.
    """

    folder: str
    name: str
    holds_model: bool
    reason: str
    message: str
    step: str | None = None


def judge_all(
    source: Path, folders: Sequence[str] | None = None, data: Path | None = None
) -> list[Outcome]:
    """Judges all configs that are no base.

    Args:
        source: mmdet's `configs`, or what a wheel of mmdet was unpacked into.
        folders: names of folders of configs; None for all.
        data: where images may be drawn for a training step and a test of each config that builds;
            None for no steps.

    Raises:
        DataError: there is no config.
    """
    inside = source / 'mmdet' / '.mim' / 'configs'
    root = inside if inside.is_dir() else source
    files = sorted(path for path in root.glob('*/**/*.py') if '_base_' not in path.parts)
    files = [path for path in files if not folders or _folder(path, root) in folders]
    if not files:
        raise DataError(f'{root}: there is no FOLDER/CONFIG.py; expected: the configs of mmdet')
    outcomes = [judge(path, root) for path in files]
    if data is not None:
        roots = drawn_sets(data)
        outcomes = [
            outcome._replace(step=problem_of_a_step(path, roots))
            if outcome and outcome.holds_model and not outcome.reason
            else outcome
            for path, outcome in zip(files, outcomes, strict=True)
        ]
    return [outcome for outcome in outcomes if outcome is not None]


def judge(path: Path, root: Path) -> Outcome | None:
    """Loads a config and builds its model without memory for the weights.

    Args:
        path: of the config.
        root: the folder of all of them.

    Returns:
        None where mmengine cannot read the file either.
    """
    folder = _folder(path, root)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        try:
            cfg = load_config(path)
            holds_model = 'model' in cfg
            if holds_model:
                check_whole(cfg)
        except (UserError, ImportError, TypeError, ValueError) as error:
            raw = _as_mmengine_reads_it(path)
            if raw is None:
                return None
            return Outcome(folder, path.stem, 'model' in raw, kind_of(error), str(error))
    return Outcome(folder, path.stem, holds_model, '', '')


def kind_of(error: Exception) -> str:
    """What an error is counted as."""
    message = str(error)
    for pattern, kind in KINDS:
        found = re.search(pattern, message)
        if found:
            return kind.format(*(group for group in found.groups() if group))
    return f'another: {message.partition(chr(10))[0]:.60}'


def _folder(path: Path, root: Path) -> str:
    return path.relative_to(root).parts[0]


def _as_mmengine_reads_it(path: Path) -> Config | None:
    try:
        return Config.fromfile(path, import_custom_modules=False)
    except Exception:  # whatever it is, the file cannot be read
        return None
