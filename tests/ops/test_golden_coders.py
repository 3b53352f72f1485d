"""Coders of boxes against mmdet 3.3.0's."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mmlite.registry import TASK_UTILS
from tests.golden import FOLDER

IMAGE = (150, 180)  # (h, w), what the cases are clipped to


@pytest.mark.parametrize('name', ['tblr', 'tblr_list', 'distance_point', 'delta_ctr_clamp'])
def test_the_same_deltas_and_boxes_as_mmdet(name: str) -> None:
    cfg = json.loads((FOLDER / f'part_coder_{name}.json').read_text(encoding='utf-8'))['cfg']
    with np.load(FOLDER / f'part_coder_{name}.npz') as file:
        case = {key: torch.from_numpy(value) for key, value in file.items()}
    coder = TASK_UTILS.build(cfg)
    if 'in_points' in case:  # here a prior is a square around the point
        priors, deltas = torch.cat([case['in_points'] - 4, case['in_points'] + 4], 1), 'distances'
    else:
        priors, deltas = case['in_priors'], 'deltas'
    found = dict(
        encoded=coder.encode(priors, case['in_gt']),
        decoded=coder.decode(priors, case[f'in_{deltas}']),
        decoded_clipped=coder.decode(priors, case[f'in_{deltas}'], IMAGE),
    )
    for key, value in found.items():
        torch.testing.assert_close(value, case[f'out_{key}'], rtol=1e-5, atol=1e-4)


def test_the_same_buckets_and_boxes_as_mmdet() -> None:
    path = FOLDER / 'part_coder_bucketing.json'
    coder = TASK_UTILS.build(json.loads(path.read_text(encoding='utf-8'))['cfg'])
    with np.load(path.with_suffix('.npz')) as file:
        case = {key: torch.from_numpy(value) for key, value in file.items()}
    encoded = coder.encode(case['in_priors'], case['in_gt'])
    offsets, learnt, buckets, asked = (case[f'out_encoded{i}'] for i in range(4))
    torch.testing.assert_close(encoded, torch.cat([buckets, offsets], dim=1), rtol=1e-5, atol=1e-4)
    assert torch.equal(coder.weights(encoded), torch.cat([asked, learnt], dim=1))
    deltas = torch.cat([case['in_cls'], case['in_off']], dim=1)
    found = coder.decode(case['in_priors'], deltas, IMAGE)
    torch.testing.assert_close(found, case['out_decoded'], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(coder.confidence(deltas), case['out_confidence'])


def test_yolos_coder_with_the_shares_of_a_cell_that_the_head_takes() -> None:
    with np.load(FOLDER / 'part_coder_yolo.npz') as file:
        case = {key: torch.from_numpy(value) for key, value in file.items()}
    coder, stride = TASK_UTILS.build(dict(type='YOLOBBoxCoder')), case['in_stride'][:, None]
    shift, sides = coder.encode(case['in_priors'], case['in_gt_bboxes']).split(2, dim=1)
    share = (shift / stride + 0.5).clamp(coder.eps, 1 - coder.eps)
    torch.testing.assert_close(torch.cat([share, sides], 1), case['out_encoded'])
    share, sides = case['in_deltas'].split(2, dim=1)
    deltas = torch.cat([(share - 0.5) * stride, sides], dim=1)
    torch.testing.assert_close(coder.decode(case['in_priors'], deltas), case['out_decoded'])
