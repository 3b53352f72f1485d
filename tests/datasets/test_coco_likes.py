"""Data sets in COCO's format with classes of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmlite.datasets import CityscapesDataset, Objects365V1Dataset, Objects365V2Dataset


@pytest.mark.parametrize('cls', [Objects365V1Dataset, Objects365V2Dataset])
def test_365_distinct_names(cls: type) -> None:
    assert len(set(cls.METAINFO['classes'])) == 365


@pytest.mark.parametrize(
    ('cls', 'listed', 'category', 'label'),
    [
        (CityscapesDataset, 'patch8/a.png', 'bicycle', 8),
        (Objects365V1Dataset, 'patch8/a.png', 'sneakers', 2),
        (Objects365V2Dataset, 'images/v1/patch8/a.png', 'Sneakers', 2),
        (Objects365V2Dataset, 'patch8/a.png', 'Formula 1 ', 354),
    ],
)
def test_labels_and_places(
    cls: type, listed: str, category: str, label: int, tmp_path: Path
) -> None:
    if category.startswith('Formula'):
        label = cls.METAINFO['classes'].index(category) + 1
    (tmp_path / 'train/patch8').mkdir(parents=True)
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / 'train/patch8/a.png')
    file = dict(
        images=[dict(id=1, file_name=listed, width=50, height=40)],
        annotations=[
            dict(id=1, image_id=1, category_id=7, bbox=[5, 5, 20, 20], area=400, iscrowd=0)
        ],
        categories=[dict(id=7, name=category)],
    )
    (tmp_path / 'a.json').write_text(json.dumps(file))
    dataset = cls(ann_file='a.json', data_root=str(tmp_path), data_prefix=dict(img='train/'))
    assert dataset.get_ann_info(0)['labels'].tolist() == [label]
    assert Path(dataset.filename(0)).is_file() or (tmp_path / dataset.filename(0)).is_file()
