"""A training and a validation from data that have none: two lists of images, and their boxes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmlite.support.words import counted
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.dataset_analysis.copies import Copies
from mmlite.tools.dataset_analysis.splits import Split
from mmlite.tools.init.data import Data
from mmlite.tools.init.layouts.layout import WHOLE
from mmlite.tools.init.split import groups_by_name, split_units, units_of

DEFAULT_SPLIT = (0.2, 0, '')  # share, seed and pattern where none is given


def divided(
    source: Source,
    data: Data,
    copies: Copies,
    out: Path,
    share: float,
    seed: int,
    pattern: str,
) -> tuple[Data, dict[str, str], list[str]]:
    """Returns the data with a training and a validation.

    Args:
        source: the folder.
        data: as it is there; the split that it has is kept.
        copies: of `find_copies`: images that look alike stay in one part.
        out: the folder that the lists will be in.
        share, seed: see `split_units`.
        pattern: see `groups_by_name`; '' for none.

    Returns:
        the data; the content of the lists by their names, none where the folder has a split; what
        was decided, in sentences.
    """
    if data.split('val'):
        counts = ', '.join(f'{split.name} {len(split.files)}' for split in data.splits)
        unused = '; --val-share, --seed and --groups change nothing'
        asked = (share, seed, pattern) != DEFAULT_SPLIT
        return data, {}, [f'split: that of the folder: {counts}{unused if asked else ""}']
    whole = data.split('train') or data.split(WHOLE)
    names = [_listed_name(file, source) for file in whole.files]
    alike = _groups_inside(whole.files, copies)
    stems = [os.path.splitext(os.path.basename(name))[0] for name in names]
    groups = groups_by_name(stems, pattern) if pattern else []
    val = split_units(units_of(len(names), [*alike, *groups]), _labels_of(whole), share, seed)
    inds = dict(train=sorted(set(range(len(names))) - set(val)), val=val)
    args = data.parts.get('train') or data.parts[WHOLE]
    lists = {f'{part}.txt': ''.join(f'{names[i]}\n' for i in own) for part, own in inds.items()}
    parts = {part: dict(args, image_list=str((out / f'{part}.txt').resolve())) for part in inds}
    splits = [_taken(whole, part, own) for part, own in inds.items()]
    test = data.split('test')
    decided = [_sentence(inds, seed, alike, groups)]
    if test:
        parts['test'] = data.parts['test']
        splits.append(test)
        decided.append(f'test: that of the folder, {counted(len(test.files), "picture")}')
    return replace(data, parts=parts, splits=splits), lists, decided


def _listed_name(file: str, source: Source) -> str:
    inside = Path(file).is_relative_to(source.path)
    return Path(os.path.relpath(file, source.path)).as_posix() if inside else file


def _groups_inside(files: Sequence[str], copies: Copies) -> list[list[int]]:
    """Returns the indices of images that look alike, group by group."""
    place = {file: i for i, file in enumerate(files)}
    groups = [{place[f] for _, f in group if f in place} for group in copies.lookalikes]
    return [sorted(group) for group in groups if len(group) > 1]


def _labels_of(split: Split) -> list[set[int]]:
    """Returns the classes in each image."""
    found: list[set[int]] = [set() for _ in split.files]
    images, labels = split.image[~split.ignored].tolist(), split.labels[~split.ignored].tolist()
    for image, label in zip(images, labels, strict=True):
        found[image].add(label)
    return found


def _sentence(
    inds: Mapping[str, Sequence[int]],
    seed: int,
    alike: Sequence[Sequence[int]],
    groups: Sequence[Sequence[int]],
) -> str:
    train, val = len(inds['train']), len(inds['val'])
    kept = [f'{sum(map(len, alike))} pictures that look alike'] if alike else []
    by_name = f'{counted(len(groups), "group")} of {sum(map(len, groups))} pictures by name'
    kept += [by_name] if groups else []
    together = f'; each in one part only: {" and ".join(kept)}' if kept else ''
    share = f'{val / (train + val):.0%}'
    return f'split: {train} to train on and {val} to validate ({share}, seed {seed}){together}'


def _taken(split: Split, name: str, inds: Sequence[int]) -> Split:
    """Returns these images of a split, with their boxes."""
    new = np.full(len(split.files), -1)
    new[list(inds)] = np.arange(len(inds))
    keep = new[split.image] >= 0
    files = [split.files[i] for i in inds]
    here = set(files)
    return replace(
        split,
        name=name,
        files=files,
        bad={file: why for file, why in split.bad.items() if file in here},
        sizes=split.sizes[list(inds)],
        image=new[split.image[keep]],
        bboxes=split.bboxes[keep],
        labels=split.labels[keep],
        ignored=split.ignored[keep],
    )
