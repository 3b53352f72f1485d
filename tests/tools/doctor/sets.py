"""Small data sets of an extreme kind, and the tiny SSD's config with what fits them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from mmengine.config import Config
from numpy.random import Generator

from mmlite.config import load_config
from tests.runs import TINY

SIDE = 96
Draw = Callable[[Generator, int], Iterator[tuple[float, float, float, float]]]


def tiny(rng: Generator, number: int) -> Iterator[tuple[float, ...]]:
    """Six objects of 7 to 9 px."""
    for cell in rng.permutation(36)[:6]:
        side = rng.integers(7, 10)
        yield (*(np.array(divmod(cell, 6)) * 16 + rng.integers(0, 7, 2)), side, side)


def huge(rng: Generator, number: int) -> Iterator[tuple[float, ...]]:
    """One object, from 80 px up to the whole image."""
    wide, high = rng.integers(80, SIDE + 1, 2)
    yield (rng.integers(0, SIDE - wide + 1), rng.integers(0, SIDE - high + 1), wide, high)


def single(rng: Generator, number: int) -> Iterator[tuple[float, ...]]:
    yield (*rng.integers(5, 50, 2), 36, 32)


def crowded(rng: Generator, number: int) -> Iterator[tuple[float, ...]]:
    """A lattice of 169 objects."""
    for cell in range(169):
        yield (*(np.array(divmod(cell, 13)) * 7), 6, 6)


def mostly_empty(rng: Generator, number: int) -> Iterator[tuple[float, ...]]:
    """One image in eight has an object."""
    if number % 8 == 3:
        yield from single(rng, number)


class ExtremeSet(NamedTuple):
    """`draw` yields x, y, w, h; `images` for training, a third of them for validation."""

    name: str
    draw: Draw
    images: int
    scale: int
    sizes: tuple[float, ...]
    classes: tuple[str, ...] = ('cell', 'dust')
    dark: bool = False
    max_per_img: int = 50


SETS = (
    ExtremeSet('tiny', tiny, 30, 192, (17, 30, 50, 80)),
    ExtremeSet('tiny on black', tiny, 30, 192, (17, 30, 50, 80), dark=True),
    ExtremeSet('huge', huge, 24, 96, (30, 60, 80, 100), ('cell',)),
    ExtremeSet('one image of one class', single, 1, 96, (17, 34, 50, 80), ('cell',)),
    ExtremeSet('crowded', crowded, 9, 192, (12, 30, 60, 120), max_per_img=400),
    ExtremeSet('mostly empty', mostly_empty, 48, 96, (17, 34, 50, 80)),
    ExtremeSet('mostly empty, black', mostly_empty, 48, 96, (17, 34, 50, 80), dark=True),
)


def extreme_config(chosen: ExtremeSet, folder: Path) -> Config:
    """Draws the set, and returns a config that is right for it."""
    for number, (part, count) in enumerate(
        dict(train=chosen.images, val=-(-chosen.images // 3)).items()
    ):
        _draw_part(chosen, folder / part, count, np.random.default_rng(number))
    cfg = load_config(TINY)
    for part in ('train', 'val'):
        old = cfg[f'{part}_dataloader'].dataset
        for step in old.pipeline:
            if step.type == 'Resize':
                step.scale = (chosen.scale, chosen.scale)
        cfg[f'{part}_dataloader'].dataset = dict(
            type='CocoDataset',
            data_root=str(folder),
            ann_file=f'{part}/instances.json',
            data_prefix=dict(img=f'{part}/'),
            metainfo=dict(classes=chosen.classes),
            pipeline=old.pipeline,
            test_mode=part == 'val',
        )
    cfg.test_dataloader = cfg.val_dataloader
    cfg.param_scheduler = []
    cfg.model.bbox_head.num_classes = len(chosen.classes)
    cfg.model.bbox_head.anchor_generator.update(
        input_size=chosen.scale, min_sizes=chosen.sizes[:-1], max_sizes=chosen.sizes[1:]
    )
    cfg.model.test_cfg.max_per_img = chosen.max_per_img
    return cfg


def _draw_part(chosen: ExtremeSet, folder: Path, count: int, rng: Generator) -> None:
    folder.mkdir(parents=True)
    images, annotations = [], []
    for number in range(count):
        coarse = rng.integers(60, 200, (6, 6, 3)).astype(np.uint8)
        img = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        img = np.zeros_like(img) if chosen.dark else img
        for x, y, w, h in chosen.draw(rng, number):
            label = len(annotations) % len(chosen.classes)
            x, y, w, h = (int(value) for value in (x, y, w, h))
            cv2.rectangle(
                img, (x, y), (x + w - 1, y + h - 1), [(250, 250, 90), (10, 90, 250)][label], -1
            )
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=number + 1,
                    category_id=label + 1,
                    bbox=[x, y, w, h],
                    area=w * h,
                    iscrowd=0,
                )
            )
        cv2.imwrite(str(folder / f'{number:03}.png'), img)
        images.append(dict(id=number + 1, file_name=f'{number:03}.png', width=SIDE, height=SIDE))
    categories = [dict(id=i, name=name) for i, name in enumerate(chosen.classes, 1)]
    content = dict(images=images, annotations=annotations, categories=categories)
    (folder / 'instances.json').write_text(json.dumps(content))
