"""The work of `init`: look at a folder, split it, choose a model, write lists and a config."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmlite.config import load_config
from mmlite.datasets import build_dataset
from mmlite.errors import ConfigError, DataError
from mmlite.support.files import make_folder, write_text
from mmlite.support.quiet import quiet_log
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.dataset_analysis.pixels import duplicates
from mmlite.tools.dataset_analysis.splits import Split, read_split
from mmlite.tools.init.choice import Choice, Sizes, choose
from mmlite.tools.init.config import config_of
from mmlite.tools.init.layouts.layout import WHOLE, Layout
from mmlite.tools.init.odd import figures, oddities
from mmlite.tools.init.recognise import open_folder, recognise
from mmlite.tools.init.split import groups_by_name, split_units, units_of


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for.

    Attributes:
        folder: of the pictures and annotations.
        out: where lists and config go.
        layout: voc, coco, yolo or csv; '' for the one that is found.
        share: of the pictures that are for the validation.
        seed: of the split.
        groups: regular expression of names that stay in one part; '' for none.
        force: overwrite a config that is there.
        gpu: whether there is a GPU to train on.
    """

    folder: Path
    out: Path
    layout: str = ''
    share: float = 0.2
    seed: int = 0
    groups: str = ''
    force: bool = False
    gpu: bool = False


@dataclass(frozen=True)
class Started:
    """What `init` has found and written.

    Attributes:
        found: lines about the data.
        odd: sentences about what is odd.
        decided: lines about the split and the choices.
        config: the file.
        epochs: of the training.
        images: the folder of the pictures to try a detector on.
    """

    found: list[str]
    odd: list[str]
    decided: list[str]
    config: Path
    epochs: int
    images: Path


def init(wishes: Wishes, convert: str) -> Started:
    """Does it; nothing is written into the folder of the data.

    Args:
        convert: the command that starts convert_dataset, for messages.

    Raises:
        ConfigError: a wish cannot be fulfilled, or another config is there already.
        DataError: the folder has nothing that can be trained on.
    """
    if not 0 < wishes.share < 1:
        raise ConfigError(f'--val-share {wishes.share}: a share between 0 and 1 is expected')
    source = open_folder(wishes.folder)
    with busy(f'looking at {len(source.files)} files'):
        layout = recognise(source, convert, wishes.layout)
        parts, splits, reasons, notes = _read(source, layout)
    with busy(f'comparing {sum(len(split.files) for split in splits)} pictures'):
        copies = duplicates(splits)
    parts, splits, lists, decided = _in_parts(source, wishes, parts, splits, copies)
    trained = next(split for split in splits if split.name == 'train')
    classes, unused = _classes(splits, trained)
    choice = choose(_sizes(trained), wishes.gpu)
    if choice.detections:
        reasons['detections'] = f'up to {_sizes(trained).most} objects in a picture'
    total = sum(len(split.files) for split in splits)
    title = f'By mmlite init: {total} pictures, {layout.where}'
    text = config_of(title, choice, classes, parts, not unused, reasons)
    config = _write(wishes, lists, text)
    return Started(
        found=[layout.where, *figures(splits)],
        odd=[*layout.notes, *notes, *oddities(splits), *_copies_text(copies), *unused],
        decided=[*decided, *_reasons(choice, reasons)],
        config=config,
        epochs=choice.epochs,
        images=Path(os.path.commonpath([Path(file).parent for file in trained.files])),
    )


@contextmanager
def busy(text: str) -> Any:
    """Shows on a terminal what is done and for how long; else a line, as it may take a while."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn('{task.description}'), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(text, total=None)
        yield


def _read(
    source: Source, layout: Layout
) -> tuple[dict[str, dict[str, Any]], list[Split], dict[str, str], list[str]]:
    """Reads the data: arguments and boxes of each part, reasons for arguments, what was said."""
    reasons, notes = {}, []
    parts = {
        name: {'type': args['type'], 'data_root': str(source.path), **args, 'test_mode': True}
        for name, args in layout.parts.items()
    }
    splits = []
    for name, args in parts.items():
        metainfo = args.get('metainfo', dict(classes='auto'))
        with quiet_log():
            dataset = build_dataset({**args, 'metainfo': metainfo}, at=layout.where)
        judged = getattr(dataset, 'judged', None)
        if judged and judged.coordinates not in ('', dataset.coordinates):
            reasons['coordinates'] = judged.reason
            for other in parts.values():
                other.setdefault('coordinates', judged.coordinates)
        said = [note for note in dataset.notes if not note.startswith('corners read')]
        notes += [f'{name}: {note}' if len(parts) > 1 else note for note in said]
        splits.append(read_split(dataset, name))
    for args in parts.values():
        del args['test_mode']
    return parts, _with_one_list(splits), reasons, notes


def _with_one_list(splits: list[Split]) -> list[Split]:
    """Returns the splits with the same classes: those of the first, then those of others."""
    names = tuple(dict.fromkeys(name for split in splits for name in split.classes))
    renumbered = []
    for split in splits:
        table = np.array([0, *(names.index(name) + 1 for name in split.classes)])
        renumbered.append(replace(split, classes=names, labels=table[split.labels]))
    return renumbered


def _in_parts(
    source: Source,
    wishes: Wishes,
    parts: dict[str, dict[str, Any]],
    splits: list[Split],
    copies: Mapping[str, Any],
) -> tuple[dict[str, dict[str, Any]], list[Split], dict[str, str], list[str]]:
    """Returns the parts with a training and a validation, and the lists that make them."""
    named = {split.name: split for split in splits}
    if 'val' in named:
        counts = ', '.join(f'{name} {len(split.files)}' for name, split in named.items())
        return parts, splits, {}, [f'split: that of the folder: {counts}']
    whole = named.get('train') or named[WHOLE]
    names = [_listed_name(file, source) for file in whole.files]
    place = {file: i for i, file in enumerate(whole.files)}
    alike = [[place[file] for _, file in group if file in place] for group in copies['groups']]
    alike = [sorted(set(group)) for group in alike if len(set(group)) > 1]
    stems = [os.path.splitext(name)[0] for name in names]
    groups = (
        groups_by_name([stem.rsplit('/', 1)[-1] for stem in stems], wishes.groups)
        if (wishes.groups)
        else []
    )
    present = [set() for _ in names]
    for image, label in zip(
        whole.image[~whole.ignored].tolist(), whole.labels[~whole.ignored].tolist(), strict=True
    ):
        present[image].add(label)
    units = units_of(len(names), [*alike, *groups])
    val = split_units(units, present, wishes.share, wishes.seed)
    train = sorted(set(range(len(names))) - set(val))
    lists = {
        f'{part}.txt': ''.join(f'{names[i]}\n' for i in inds)
        for part, inds in (('train', train), ('val', val))
    }
    args = parts.get('train') or parts[WHOLE]
    made = {
        part: dict(args, image_list=str((wishes.out / f'{part}.txt').resolve()))
        for part in ('train', 'val')
    }
    together = [f'{sum(map(len, alike))} pictures that look alike'] if alike else []
    together += [f'{len(groups)} groups by name'] if groups else []
    kept = f'; kept together: {" and ".join(together)}' if together else ''
    decided = [
        f'split: {len(train)} to train on and {len(val)} to validate ({len(val) / len(names):.0%}, '
        f'seed {wishes.seed}){kept}'
    ]
    if 'test' in parts:
        made['test'] = parts['test']
        decided.append(
            f'the test of the folder, {len(named["test"].files)} pictures, stays as it is'
        )
    split = [replace(_taken(whole, train), name='train'), replace(_taken(whole, val), name='val')]
    return made, [*split, *(s for s in splits if s.name == 'test')], lists, decided


def _listed_name(file: str, source: Source) -> str:
    inside = Path(file).is_relative_to(source.path)
    return Path(os.path.relpath(file, source.path)).as_posix() if inside else file


def _taken(split: Split, inds: Sequence[int]) -> Split:
    """Returns these images of a split, with their boxes."""
    new = np.full(len(split.files), -1)
    new[list(inds)] = np.arange(len(inds))
    keep = new[split.image] >= 0
    files = [split.files[i] for i in inds]
    return replace(
        split,
        files=files,
        bad={file: why for file, why in split.bad.items() if file in set(files)},
        sizes=split.sizes[list(inds)],
        image=new[split.image[keep]],
        bboxes=split.bboxes[keep],
        labels=split.labels[keep],
        ignored=split.ignored[keep],
    )


def _classes(splits: Iterable[Split], trained: Split) -> tuple[list[str], list[str]]:
    """Returns the classes with an object to learn from, and what to say about the others."""
    counts = np.bincount(trained.labels[~trained.ignored], minlength=len(trained.classes) + 1)[1:]
    if not counts.any():
        raise DataError('no picture of the training has an object to learn from')
    kept = [name for name, count in zip(trained.classes, counts.tolist(), strict=True) if count]
    dropped = [name for name in trained.classes if name not in kept]
    shown = ', '.join(dropped[:5]) + (f' and {len(dropped) - 5} more' if dropped[5:] else '')
    what = f'{len(dropped)} class names without an object in training are left out: {shown}'
    return kept, [what] if dropped else []


def _sizes(split: Split) -> Sizes:
    sides = split.bboxes[:, 2:] - split.bboxes[:, :2]
    keep = ~split.ignored & (sides > 0).all(axis=1)
    keep &= (split.sizes > 0).all(axis=1)[split.image]
    image, sides = split.image[keep], sides[keep]
    if not len(sides):
        raise DataError('no box of the training has an area')
    scale = 300 / np.maximum(split.sizes[image], 1)
    return Sizes(
        sides=np.sqrt(sides.prod(axis=1)),
        squashed=np.sqrt((sides * scale).prod(axis=1)),
        longer=split.sizes[image].max(axis=1),
        pictures=len(np.unique(image)),
        most=int(np.bincount(image).max()),
    )


def _copies_text(copies: Mapping[str, Any]) -> list[str]:
    leaks = [f'{count} pictures of {pair} too' for pair, count in copies['leaks'].items()]
    lines = (
        [f'pictures in two parts, which makes figures too good: {", ".join(leaks)}']
        if leaks
        else []
    )
    groups = copies['groups']
    if groups:
        first = ' and '.join(os.path.basename(file) for _, file in groups[0][:2])
        lines.append(f'{sum(map(len, groups))} pictures look like another one, such as {first}')
    return lines


def _reasons(choice: Choice, reasons: Mapping[str, str]) -> list[str]:
    lines = [f'{Path(base).stem}: {reason}' for base, reason in choice.bases.items() if reason]
    return [*lines, *(f'{key}: {why}' for key, why in reasons.items()), *choice.notes]


def _write(wishes: Wishes, lists: Mapping[str, str], text: str) -> Path:
    """Writes lists and config; a config that is there and other stays, unless it is forced."""
    config = wishes.out / f'{config_stem(wishes.folder)}.py'
    if config.is_file() and config.read_text('utf-8') != text and not wishes.force:
        raise ConfigError(f'{config} is there already, with another content; --force overwrites it')
    make_folder(wishes.out)
    for name, content in lists.items():
        write_text(wishes.out / name, content)
    write_text(config, text)
    load_config(config)
    return config


def config_stem(folder: Path) -> str:
    """Returns the name of the config, without its ending: that of the folder, as far as letters."""
    return re.sub(r'\W+', '_', folder.resolve().name).strip('_') or 'pictures'
