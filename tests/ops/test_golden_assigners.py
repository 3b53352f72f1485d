"""Assigners against mmdet 3.3.0's, with ignored boxes and without."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmlite.ops import assigners
from tests.golden import FOLDER


@pytest.mark.parametrize('size', [assigners.MATRIX_SIZE, 1000])
@pytest.mark.parametrize('name', ['atss', 'atss_ignore', 'max_iou_rpn', 'max_iou_rcnn'])
def test_the_same_boxes_as_mmdet(name, size, monkeypatch):
    monkeypatch.setattr(assigners, 'MATRIX_SIZE', size)  # 1000: one box at a time
    cfg = json.loads((FOLDER / f'part_assign_{name}.json').read_text())['cfg']
    with np.load(FOLDER / f'part_assign_{name}.npz') as file:
        case = {key: torch.from_numpy(value) for key, value in file.items()}
    assigner = getattr(assigners, cfg.pop('type'))(**cfg)
    found = assigner(
        case['in_priors'], case['in_per_level'].tolist(), case['in_gt_bboxes'], case['in_ignored']
    )
    # mmdet: -1 ignored, 0 background, i + 1 for box i
    theirs = {-1: assigners.IGNORE, 0: assigners.BACKGROUND}
    assert found.indices.tolist() == [theirs.get(i, i - 1) for i in case['out_gt_inds'].tolist()]
