"""Transforms against mmdet 3.3.0: the same pictures, boxes and random numbers (data/golden)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from mmlite.registry import TRANSFORMS
from tests.golden import FOLDER

NAMES = sorted(path.stem for path in FOLDER.glob('part_transform_*.json'))


class Replayed:
    """numpy.random's functions that return recorded numbers, and check what they are asked."""

    def __init__(self, draws: list) -> None:
        self.draws: Iterator = iter(draws)

    def uniform(self, *args: object, **kwargs: object) -> object:
        return self._next('uniform', *args, *kwargs.values())

    def randint(self, *args: object, **kwargs: object) -> object:
        return self._next('randint', *args, *kwargs.values())

    def _next(self, name: str, *args: object) -> object:
        known, known_args, value = next(self.draws)
        assert (known, known_args) == (name, list(args))
        return np.array(value) if isinstance(value, list) else value


def sample(arrays: dict, i: int) -> dict:
    ignored = np.arange(len(arrays[f'in_labels{i}'])) % 3 == 2
    boxes, labels = arrays[f'in_boxes{i}'], arrays[f'in_labels{i}'] + 1
    img = arrays[f'in_img{i}'].copy()
    img.flags.writeable = False  # a transform must not change it
    return dict(
        img=img,
        img_shape=img.shape,
        gt_bboxes=boxes[~ignored],
        gt_labels=labels[~ignored],
        gt_bboxes_ignore=boxes[ignored],
    )


@pytest.mark.parametrize('name', NAMES)
def test_as_mmdet(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = json.loads((FOLDER / f'{name}.json').read_text())
    with np.load(FOLDER / f'{name}.npz') as file:
        arrays = dict(file)
    transform = TRANSFORMS.build(facts['cfg'])
    for i, draws in enumerate(facts['draws']):
        replayed = Replayed(draws)
        monkeypatch.setattr(np.random, 'uniform', replayed.uniform)
        monkeypatch.setattr(np.random, 'randint', replayed.randint)
        results = transform(sample(arrays, i))
        assert next(replayed.draws, None) is None  # all of them were drawn
    assert results['img_shape'][:2] == tuple(arrays['out_img_shape'])
    difference = np.abs(results['img'].astype(int) - arrays['out_img'])
    assert difference.max() <= 1
    ignored = arrays['out_ignore_flags']
    for key, rows in (('gt_bboxes', ~ignored), ('gt_bboxes_ignore', ignored)):
        np.testing.assert_allclose(results[key], arrays['out_boxes'][rows], atol=1e-3, rtol=0)
    assert (results['gt_labels'] == arrays['out_labels'][~ignored] + 1).all()
