"""From an image file to detections in original pixels, against mmdet 3.3.0.

RetinaNet and FCOS with the rule's weights on real images of BCCD and of COCO.
"""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from mmlite.datasets.transforms import Compose
from mmlite.parallel import collate, scatter
from tests.golden import Golden, load_golden
from tests.runs import SHARED

IMAGES = {'chain_bccd': 'data/bccd/JPEGImages', 'chain_tiny_coco': 'data/tiny_coco'}
BEST = 50


def rows() -> list:
    """Each row with detections of the golden files as (path of the picture, row, detections)."""
    found = []
    for name, folder in IMAGES.items():
        golden = SHARED / f'golden/{name}'
        if golden.with_suffix('.json').is_file() and (SHARED / folder).is_dir():
            files = {path.name: path for path in (SHARED / folder).rglob('*.jpg')}
            arrays = dict(np.load(golden.with_suffix('.npz')))
            for row in json.loads(golden.with_suffix('.json').read_text())['pipeline']:
                if row.get('detections') is not None:
                    number = row['detections']
                    detections = {
                        key: torch.from_numpy(arrays[f'{number}_{key}'])
                        for key in ('bboxes', 'scores', 'labels0')
                    }
                    label = f'{row["model"]}-{row["file"]}'
                    found.append(pytest.param(files[row['file']], row, detections, id=label))
    skip = pytest.mark.skip(reason=f'no golden files and pictures in {SHARED}')
    return found or [pytest.param(None, None, None, marks=skip)]


@functools.cache
def golden_of(name: str) -> Golden:
    return load_golden(name)


@pytest.mark.parametrize(('path', 'row', 'expected'), rows())
def test_detections(path, row, expected):
    model = golden_of(row['model']).model.eval()
    pipeline = Compose(
        [
            dict(type='LoadImageFromFile'),
            dict(type='Resize', scale=row['scale_wh'], keep_ratio=row['keep_ratio']),
            dict(type='PackDetInputs'),
        ]
    )
    batch = scatter(collate([pipeline(dict(filename=str(path), img_id=0))]), 'cpu')
    with torch.no_grad():
        normalised = model.data_preprocessor(batch['img'], batch['img_metas'])
        (found,) = model(**batch, return_loss=False)
    assert list(normalised.shape[2:]) == row['pad_shape_hw']
    assert list(batch['img_metas'][0]['img_shape'][:2]) == row['img_shape_hw']
    means = normalised.mean(dim=(0, 2, 3)).tolist()
    assert means == pytest.approx(row['channel_mean'], abs=0.1)

    best = {key: value[:BEST] for key, value in expected.items()}
    near = box_iou(best['bboxes'], found['bboxes']) > 0.9
    same_label = best['labels0'][:, None] + 1 == found['labels']
    near_score = (best['scores'][:, None] - found['scores']).abs() < 0.03
    met = (near & same_label & near_score).any(dim=1)
    assert met.float().mean() >= 0.95
