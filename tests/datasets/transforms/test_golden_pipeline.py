"""What mmdet 3.3.0's test pipelines give on real files (golden folder chain_bccd)."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mmlite.datasets.transforms import Compose
from tests.runs import SHARED

IMAGES = {
    'chain_bccd': SHARED / 'data/bccd/JPEGImages',
    'chain_tiny_coco': SHARED / 'data/tiny_coco',
}


def rows() -> list:
    """Each row of the golden files as (path of the picture, row)."""
    found = []
    for name, folder in IMAGES.items():
        golden = SHARED / f'golden/{name}.json'
        if golden.is_file() and folder.is_dir():
            files = {path.name: path for path in folder.rglob('*.jpg')}
            for row in json.loads(golden.read_text())['pipeline']:
                label = f'{row["model"]}-{row["file"]}'
                found.append(pytest.param(files[row['file']], row, id=label))
    skip = pytest.mark.skip(reason=f'no golden files and pictures in {SHARED}')
    return found or [pytest.param(None, None, marks=skip)]


@pytest.mark.parametrize(('path', 'row'), rows())
def test_shapes_scale_factors_and_channel_means(path, row):
    ssd = row['model'] == 'ssd300_voc'
    last = dict(type='Normalize', mean=[123.675, 116.28, 103.53], std=[1, 1, 1])
    pipeline = Compose(
        [
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=row['scale_wh'], keep_ratio=row['keep_ratio']),
            dict(type='LoadAnnotations', with_bbox=True),
            last if ssd else dict(type='Pad', size_divisor=32),
        ]
    )
    results = pipeline(dict(filename=str(path)))
    assert list(results['img_shape'][:2]) == row['img_shape_hw']
    assert list(results['pad_shape'][:2]) == row['pad_shape_hw']
    expected = np.float32(row['scale_factor_wh'] * 2)
    np.testing.assert_array_equal(results['scale_factor'], expected)
    if ssd:
        found = results['img'].mean((0, 1))
        np.testing.assert_allclose(found, row['channel_mean'], atol=0.1)
