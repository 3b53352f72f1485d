"""The work of `init`: look at a folder, split it, choose a model, write lists and a config."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmlite.config import load_config
from mmlite.errors import ConfigError, DataError
from mmlite.support.files import make_folder, write_text
from mmlite.support.words import counted, first_of
from mmlite.tools.dataset_analysis.copies import Copies, find_copies
from mmlite.tools.dataset_analysis.splits import Split
from mmlite.tools.init.choice import Choice, Sizes, choose
from mmlite.tools.init.config import config_of
from mmlite.tools.init.data import read_data
from mmlite.tools.init.divide import divided
from mmlite.tools.init.duration import training_time
from mmlite.tools.init.odd import figures, oddities
from mmlite.tools.init.recognise import open_folder, recognise


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
        images: a folder of pictures to try a detector on.
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
    if wishes.out.resolve().is_relative_to(source.path):
        raise ConfigError(
            f'--out {wishes.out} is in the folder of the data, which stays as it is: a folder '
            f'outside {source.path} is expected'
        )
    layout = recognise(source, convert, wishes.layout)
    data = read_data(source, layout)
    total = sum(len(split.files) for split in data.splits)
    copies = find_copies({split.name: split.usable_files for split in data.splits})
    choices = wishes.out, wishes.share, wishes.seed, wishes.groups
    data, lists, decided = divided(source, data, copies, *choices)
    trained = data.split('train')
    named = data.parts['train'].get('metainfo')  # numbers without names: all of them count
    classes, unused = (named['classes'], []) if named else _classes(trained)
    sizes = _sizes(trained)
    choice = choose(sizes, wishes.gpu)
    title = f'By mmlite init: {counted(total, "picture")}, {layout.where}'
    text = config_of(title, choice, classes, data.parts, not unused, data.reasons)
    config = _write(wishes, lists, text)
    time = training_time(load_config(config), choice.epochs)
    return Started(
        found=[layout.where, *figures(data.splits)],
        odd=[*layout.notes, *data.notes, *oddities(data.splits), *_alike(copies), *unused],
        decided=[*decided, *_reasons(choice, data.reasons), f'the training takes {time}'],
        config=config,
        epochs=choice.epochs,
        images=Path(os.path.commonpath([Path(file).parent for file in trained.files])),
    )


def _classes(trained: Split) -> tuple[list[str], list[str]]:
    """Returns the classes with an object to learn from, and what to say about the others."""
    counts = np.bincount(trained.labels[~trained.ignored], minlength=len(trained.classes) + 1)[1:]
    if not counts.any():
        raise DataError('no picture of the training has an object to learn from')
    kept = [name for name, count in zip(trained.classes, counts.tolist(), strict=True) if count]
    others = [name for name in trained.classes if name not in kept]
    what = f'{counted(len(others), "class")} without an object to learn from, not in the config'
    return kept, [f'{what}: {first_of(others)}'] if others else []


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
        labels=split.labels[keep],
        pictures=len(np.unique(image)),
        most=int(np.bincount(image).max()),
    )


def _alike(copies: Copies) -> list[str]:
    """What to say about pictures that look alike, and about those that are in two parts."""
    groups = copies.lookalikes
    if not groups:
        return []
    first = ' and '.join(os.path.basename(file) for _, file in groups[0][:2])
    lines = [f'{sum(map(len, groups))} pictures look like another one, such as {first}']
    leaks = [f'{counted(count, "picture")} of {pair} too' for pair, count in copies.leaks.items()]
    if leaks:
        lines.append(f'{"; ".join(leaks)}: figures will be too good; take them out of one part')
    return lines


def _reasons(choice: Choice, reasons: Mapping[str, str]) -> list[str]:
    lines = [f'{Path(base).stem}: {reason}' for base, reason in choice.bases.items() if reason]
    return [*lines, *(f'{key}: {why}' for key, why in reasons.items()), *choice.notes]


def _write(wishes: Wishes, lists: Mapping[str, str], text: str) -> Path:
    """Writes lists and config; another config that is there stays, unless it is forced."""
    config = wishes.out / f'{config_stem(wishes.folder)}.py'
    if config.is_file() and config.read_text('utf-8') != text and not wishes.force:
        raise ConfigError(
            f'{config} is there already, and is another one. --force overwrites it, --out DIR '
            'writes to another folder'
        )
    make_folder(wishes.out)
    for name, content in lists.items():
        write_text(wishes.out / name, content)
    write_text(config, text)
    return config


def config_stem(folder: Path) -> str:
    """Returns the name of the config, without its ending: that of the folder, in letters."""
    return re.sub(r'\W+', '_', Path(os.path.abspath(folder)).name).strip('_') or 'pictures'
