"""Levels and numbers of default boxes of SSD, DSSD and FSSD, as the papers' tables have them."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch

from mmlite.config import load_config
from mmlite.models import build_detector
from mmlite.models.heads import SSDHead
from tests.runs import CHECKOUT

SIDES_300 = (38, 19, 10, 5, 3, 1)
SIDES_321 = (40, 20, 10, 5, 3, 1)
SIDES_513 = (64, 32, 16, 8, 4, 2, 1)


class Table(NamedTuple):
    """What the head reads: channels and sides of the levels; how many default boxes."""

    channels: tuple[int, ...]
    sides: tuple[int, ...]
    boxes: int


# SSD: arXiv 1512.02325, figure 2. DSSD: arXiv 1701.06659, table 1, and the boxes in its table of
# speeds (321 and 513 px are 320 and 512 here); figure 2c for what its prediction module returns.
# FSSD: arXiv 1712.00960, section 3. SSDLite: mmdet's; its paper (arXiv 1801.04381, section 6.2) has
# strides 16 and 32, six boxes a cell: 6 * (400 + 100 + 25 + 9 + 4 + 1) = 3234. SSD on ResNet-50
# has no table of its own: the sides are those of 101, its first level is conv4_x.
# With ratios 1.6, 2 and 3 a cell has 8 boxes: 8 * (1600 + 400 + 100 + 25 + 9 + 1) = 17080, and
# 8 * (4096 + 1024 + 256 + 64 + 16 + 4 + 1) = 43688.
TABLES = {
    'ssd300_voc': Table((512, 1024, 512, 256, 256, 256), SIDES_300, 8732),
    'ssd512_voc': Table((512, 1024, 512, 256, 256, 256, 256), SIDES_513, 24564),
    'fssd300_coco': Table((512, 512, 256, 256, 256, 256), SIDES_300, 8732),
    'ssdlite_mobilenetv2_coco': Table((96, 1280, 512, 256, 256, 128), (20, 10, 5, 3, 2, 1), 3234),
    'ssd320_r50_coco': Table((1024, 2048, 1024, 1024, 1024, 1024), SIDES_321, 17080),
    'ssd320_r101_coco': Table((512, 2048, 1024, 1024, 1024, 1024), SIDES_321, 17080),
    'ssd320_x101-32x4d_coco': Table((512, 2048, 1024, 1024, 1024, 1024), SIDES_321, 17080),
    'ssd512_r101_coco': Table((512, 2048, 1024, 1024, 1024, 1024, 1024), SIDES_513, 43688),
    'dssd320_r101_coco': Table((1024,) * 6, SIDES_321, 17080),
    'dssd512_r101_coco': Table((1024,) * 7, SIDES_513, 43688),
}


@pytest.mark.parametrize('name', TABLES)
def test_levels_and_boxes(name: str) -> None:
    table = TABLES[name]
    cfg = load_config(CHECKOUT / f'configs/ssd/{name}.py')
    with torch.device('meta'):
        detector = build_detector(cfg.model).eval()
        size = detector.bbox_head.prior_generator.input_size or 320  # None: boxes set by hand
        feats = detector.extract_feat(torch.zeros(1, 3, size, size))
        outs = detector.bbox_head(feats)
    levels = [(c, side, side) for c, side in zip(table.channels, table.sides, strict=True)]
    assert [tuple(feat.shape[1:]) for feat in feats] == levels
    assert outs['bbox_pred'].shape == (1, table.boxes, 4)
    assert type(detector.bbox_head) is SSDHead  # only the necks differ


def test_what_the_way_back_of_dssd321_returns() -> None:
    """512 channels on all levels but the last (figure 1)."""
    cfg = load_config(CHECKOUT / 'configs/ssd/dssd320_r101_coco.py')
    with torch.device('meta'):
        detector = build_detector(cfg.model).eval()
        ssd, way_back, _ = detector.neck.children()
        feats = way_back(ssd(detector.backbone(torch.zeros(1, 3, 320, 320))))
    expected = [(512, 40), (512, 20), (512, 10), (512, 5), (512, 3), (1024, 1)]
    assert [tuple(feat.shape[1:]) for feat in feats] == [(c, s, s) for c, s in expected]
