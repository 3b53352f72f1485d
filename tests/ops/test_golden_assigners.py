"""Assigners against mmdet 3.3.0's, with ignored boxes and without."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmlite.ops import assigners
from mmlite.ops.assignment import Assignment, Predictions, as_assignment
from mmlite.registry import TASK_UTILS
from tests.golden import FOLDER


@pytest.mark.parametrize('size', [assigners.MATRIX_SIZE, 1000])
@pytest.mark.parametrize(
    'name', ['atss', 'atss_ignore', 'max_iou_rpn', 'max_iou_rcnn', 'grid', 'grid_range']
)
def test_the_same_boxes_as_mmdet(name, size, monkeypatch):
    monkeypatch.setattr(assigners, 'MATRIX_SIZE', size)  # 1000: one box at a time
    cfg = json.loads((FOLDER / f'part_assign_{name}.json').read_text())['cfg']
    with np.load(FOLDER / f'part_assign_{name}.npz') as file:
        case = {key: torch.from_numpy(value) for key, value in file.items()}
    assigner = TASK_UTILS.build(cfg)
    found = assigner(
        case['in_priors'], case['in_per_level'].tolist(), case['in_gt_bboxes'], case['in_ignored']
    )
    # mmdet: -1 ignored, 0 background, i + 1 for box i
    theirs = {-1: assigners.IGNORE, 0: assigners.BACKGROUND}
    assert found.indices.tolist() == [theirs.get(i, i - 1) for i in case['out_gt_inds'].tolist()]


def assigned(name: str) -> tuple[Assignment, dict[str, torch.Tensor]]:
    """What an assigner says that may look at predictions, and the case."""
    cfg = json.loads((FOLDER / f'part_assign_{name}.json').read_text())['cfg']
    with np.load(FOLDER / f'part_assign_{name}.npz') as file:
        case = {key: torch.from_numpy(value) for key, value in file.items()}
    assigner = TASK_UTILS.build(cfg)
    logits = case['in_pred_logits']
    predictions = Predictions(logits.sigmoid(), case['in_pred_bboxes'], logits)
    asks = getattr(assigner, 'needs_predictions', False)
    found = assigner(
        case['in_priors'],
        case['in_per_level'].tolist(),
        case['in_gt_bboxes'],
        case['in_ignored'],
        *([case['in_gt_labels'] + 1, predictions] if asks else []),
    )
    return as_assignment(found), case


@pytest.mark.parametrize(
    'name', ['task_aligned', 'uniform', 'center_region', 'center_region_shadow', 'atss_cost']
)
def test_the_same_boxes_where_predictions_or_regions_count(name):
    found, case = assigned(name)
    theirs = {-1: assigners.IGNORE, 0: assigners.BACKGROUND}
    assert found.indices.tolist() == [theirs.get(i, i - 1) for i in case['out_gt_inds'].tolist()]


@pytest.mark.parametrize('name', ['center_region', 'center_region_shadow'])
def test_shadows_are_those_of_mmdet(name):
    found, case = assigned(name)
    labels = case['in_gt_labels'][found.pairs[:, 1]]
    shadows = set(zip(found.pairs[:, 0].tolist(), labels.tolist(), strict=True))
    assert shadows == set(map(tuple, case['out_shadowed_labels'].tolist()))


def test_pairs_of_uniform_are_those_of_mmdet():
    found, case = assigned('uniform')
    prior, box = found.pairs.T
    ours = torch.cat([case['in_pred_bboxes'][prior], case['in_gt_bboxes'][box]], dim=1)
    theirs = torch.cat([case['out_pos_predicted_boxes'], case['out_target_boxes']], dim=1)
    assert sorted(ours.tolist()) == sorted(theirs[case['out_pos_idx']].tolist())


def test_points_of_point_assigner_are_those_of_mmdet():
    cfg = json.loads((FOLDER / 'part_assign_point.json').read_text())['cfg']
    with np.load(FOLDER / 'part_assign_point.npz') as file:
        case = {key: torch.from_numpy(value) for key, value in file.items()}
    points, strides = case['in_priors'].split(2, dim=1)  # mmdet: x, y and twice the stride
    squares = torch.cat([points - strides / 2, points + strides / 2], dim=1)
    found = TASK_UTILS.build(cfg)(squares, case['in_per_level'].tolist(), case['in_gt_bboxes'])
    # mmdet: 0 background, i + 1 for box i
    assert (found.indices + 1).tolist() == case['out_gt_inds'].tolist()
