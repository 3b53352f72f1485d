"""What is known about a folder once its layout is found."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmlite.datasets.image_files import IMAGE_ENDINGS
from mmlite.tools.convert_dataset.source import Source

WHOLE = 'all'  # the name of the only part of a folder without a split
_WORDS = dict(
    train='train',
    training='train',
    trainval='train',
    val='val',
    valid='val',
    validation='val',
    test='test',
    testing='test',
)


@dataclass
class Layout:
    """A data set in a folder.

    Attributes:
        name: voc, coco, yolo or csv.
        where: its files, in words.
        parts: the arguments of the data set of each part, without `data_root`: of 'train', 'val'
            and 'test', or of WHOLE where there is no split.
        annotated: how many annotation files, entries or rows it has.
        notes: what was found beside it, in sentences.
    """

    name: str
    where: str
    parts: dict[str, dict[str, Any]]
    annotated: int
    notes: list[str] = field(default_factory=list)


def part_of(path: Path | str, root: Path | str) -> str:
    """Returns 'train', 'val' or 'test' where a path says it below `root`; else ''."""
    words = re.split(r'[^a-z]+', os.path.relpath(path, root).lower())
    return next((_WORDS[word] for word in reversed(words) if word in _WORDS), '')


def by_folder(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Returns the files by their folder, in the order in which they come."""
    found: dict[Path, list[Path]] = {}
    for path in paths:
        found.setdefault(path.parent, []).append(path)
    return found


def images_of(source: Source) -> list[Path]:
    """Returns the image files of a folder."""
    return source.ending_in(*IMAGE_ENDINGS)


def relative(path: Path, source: Source) -> str:
    """Returns a path as it is written in a config: from the data root, with slashes."""
    return Path(os.path.relpath(path, source.path)).as_posix()


def largest_of_parts(
    found: dict[Path, int], source: Source, what: str
) -> tuple[dict[str, Path], list[str]]:
    """Chooses the file or folder of each part of the data.

    Args:
        found: the candidates, and how much each holds.
        what: they are, in words.

    Returns:
        one for 'train' and for each other part that there is; or one for WHOLE, the largest, where
        they have no such names. And what is to be said about those that are not used.
    """
    named: dict[str, list[Path]] = {}
    for path in found:
        named.setdefault(part_of(path, source.path), []).append(path)
    is_split = len(found) > 1 and 'train' in named and len(set(named) - {''}) > 1
    if not is_split:
        named = {WHOLE: list(found)}
    named.pop('', None)
    chosen = {part: max(paths, key=lambda path: found[path]) for part, paths in named.items()}
    order = [part for part in (WHOLE, 'train', 'val', 'test') if part in chosen]
    unused = [path for path in found if path not in chosen.values()]
    return {part: chosen[part] for part in order}, unused_note(unused, source, what)


def unused_note(unused: Sequence[Path], source: Source, what: str) -> list[str]:
    """Returns what is to be said about files or folders that are left out."""
    if not unused:
        return []
    shown = ', '.join(relative(path, source) for path in unused[:3])
    more = f' and {len(unused) - 3} more' if len(unused) > 3 else ''
    return [f'not used: {shown}{more} ({what}; to use it, give init its folder only)']
