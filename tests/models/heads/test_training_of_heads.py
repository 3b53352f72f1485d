"""Every head trains and predicts: a small model of each family, on boxes that are made up.

The models are those of the golden cases, with backbones, necks and heads of few channels.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from mmlite.engine.step import begin_epoch
from mmlite.models import build_detector
from mmlite.models.layers import prepare_for_inference
from tests.golden import FOLDER
from tests.models.heads.test_golden_heads import CASES
from tests.models.tiny import batch

CHANNELS = {64: 8, 128: 16, 256: 32, 512: 64, 1024: 128}  # of ResNet-18; widths are at least 8
HALVES = {96: 16, 192: 32, 384: 64}  # of the tiny CSP backbones, with the sixth part of the width
NARROW = [24, 8, 8]  # of the deepest layers of MobileNetV2, which gives no less than 8
WIDTHS = (
    'in_channels', 'out_channels', 'feat_channels', 'block_mid_channels', 'num_deconv_filters',
)  # fmt: skip
UNEVEN = ((96, 64), (64, 96))  # (h, w) of the images of a batch, which is 96 x 96


def smaller(node: Any, key: str = '') -> Any:
    """A config with fewer channels, and 3 classes."""
    if isinstance(node, dict):
        return {key: smaller(value, key) for key, value in node.items()}
    if isinstance(node, list):
        return [smaller(item, key) for item in node]
    if key in WIDTHS:
        return {**CHANNELS, **HALVES}.get(node, node)
    return {'num_classes': 3, 'num_groups': 4}.get(key, node)


def small_model(case: str) -> nn.Module:
    facts = json.loads((FOLDER / f'{case}.json').read_text(encoding='utf-8'))
    model = smaller(facts['model'])
    backbone = model['backbone']
    if 'base_channels' in backbone:  # narrow already
        backbone['frozen_stages'] = 0
        model['neck']['in_channels'] = facts['model']['neck']['in_channels']
    elif backbone['type'] == 'ResNet':
        backbone |= dict(base_channels=8, frozen_stages=0)
    else:
        backbone['widen_factor'] = 1 / 16
    if backbone['type'] == 'MobileNetV2':
        model['neck']['in_channels'] = NARROW
    preprocessor = model['data_preprocessor']
    preprocessor |= dict(pad_size_divisor=32, batch_augments=None)
    if 'score_thr' in model['test_cfg']:
        model['test_cfg'] |= dict(score_thr=0.0, nms_pre=50)
    torch.manual_seed(0)
    detector = build_detector(model)
    detector.init_weights()
    begin_epoch(detector, facts.get('epoch', 0))
    return detector.train()


# the layers of C4's second stage are as wide as a ResNet's
@pytest.fixture(params=[case for case in CASES if case != 'c4_r18'])
def model(request: pytest.FixtureRequest) -> nn.Module:
    return small_model(request.param)


def data(*num_boxes: int) -> dict:
    """A batch of uneven images, with this number of boxes in each."""
    torch.manual_seed(1)
    drawn = batch(*UNEVEN)
    corners = [torch.rand(num, 2) * 40 for num in num_boxes]
    sides = [8 + torch.rand(num, 2) * 30 for num in num_boxes]
    drawn['gt_bboxes'] = [torch.cat([a, a + b], dim=1) for a, b in zip(corners, sides, strict=True)]
    drawn['gt_labels'] = [torch.arange(num) % 3 + 1 for num in num_boxes]
    return drawn


def step(model: nn.Module, drawn: dict) -> dict[str, float]:
    """Makes a step, after which losses and weights are finite."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    losses = model(**drawn)
    assert all(value.ndim == 0 for value in losses.values())
    sum(value for key, value in losses.items() if 'loss' in key).backward()
    optimizer.step()
    assert all(p.isfinite().all() for p in model.parameters())
    found = {key: value.item() for key, value in losses.items()}
    assert all(map(torch.isfinite, map(torch.tensor, found.values()))), found
    return found


def head_moved(model: nn.Module, before: dict[str, Tensor]) -> bool:
    head = model.dense_head
    return any(not torch.equal(before[name], p) for name, p in head.named_parameters())


def test_two_steps_and_a_prediction(model: nn.Module) -> None:
    before = {name: p.detach().clone() for name, p in model.dense_head.named_parameters()}
    first = step(model, data(3, 2))
    assert sum(first.values()) > 0 and head_moved(model, before)
    step(model, data(2, 1))
    model.eval()
    drawn = data(0, 0)
    metas = [dict(meta, scale_factor=(1.0,) * 4) for meta in drawn['img_metas']]
    with torch.no_grad():
        found = model(drawn['img'], metas, return_loss=False)
    for image in found:
        count = len(image['scores'])
        # RTMDet predicts distances that may be negative: at first few boxes have an area
        assert count or not getattr(model.dense_head, 'exp_on_reg', True)
        assert image['bboxes'].shape == (count, 4)
        assert image['bboxes'].isfinite().all() and (image['scores'] >= 0).all()
        assert set(image['labels'].tolist()) <= {1, 2, 3}


def test_prepared_for_inference_it_computes_the_same(model: nn.Module) -> None:
    """Convolutions that levels share are kept once for each norm behind them."""
    step(model, data(3, 2))  # the levels' own norms have seen other maps
    img = data(0, 0)['img']
    model.eval()
    with torch.no_grad():
        plain = tree_leaves(model.dense_head(model.extract_feat(img)))
        prepare_for_inference(model)
        for _ in range(2):  # what the first call makes is kept for the second
            prepared = tree_leaves(model.dense_head(model.extract_feat(img)))
            for one, other in zip(plain, prepared, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('num_boxes', [(2, 0), (0, 0)])
def test_images_without_boxes(model: nn.Module, num_boxes: tuple[int, int]) -> None:
    step(model, data(*num_boxes))


def test_ignored_boxes(model: nn.Module) -> None:
    drawn = data(2, 1)
    drawn['gt_bboxes_ignore'] = [torch.tensor([[0.0, 0, 60, 90]]), torch.zeros(0, 4)]
    step(model, drawn)


def test_bfloat16(model: nn.Module) -> None:
    exact = copy.deepcopy(model)(**data(3, 2))  # GHM's losses count what they have seen
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = step(model, data(3, 2))
    # bfloat16 has 8 bits: assigners that look at scores may choose other priors
    for key, value in exact.items():
        assert losses[key] == pytest.approx(value.item(), rel=0.3, abs=0.1), key
