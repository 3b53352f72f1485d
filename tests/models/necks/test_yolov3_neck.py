"""YOLOV3Neck: the order of levels, what is joined, and what does not fit."""

from __future__ import annotations

import pytest
import torch

from mmlite.config import load_config
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.models.matching_parts import check_parts_fit
from mmlite.models.necks import YOLOV3Neck
from tests.runs import CHECKOUT


def test_the_deepest_level_comes_first_and_grows_into_the_next() -> None:
    neck = YOLOV3Neck(3, in_channels=[8, 6, 4], out_channels=[6, 4, 2], act_cfg=None)
    # largest first, as backbones have them; 5 is no half of 9, nor 9 of 17
    feats = [torch.rand(2, 4, 17, 20), torch.rand(2, 6, 9, 10), torch.rand(2, 8, 5, 5)]
    outs = neck.train()(feats)
    assert [tuple(out.shape) for out in outs] == [(2, 6, 5, 5), (2, 4, 9, 10), (2, 2, 17, 20)]
    sum(out.mean() for out in outs[1:]).backward()
    assert neck.detect1.conv1.conv.weight.grad is not None  # the deepest map is in all


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        ((3, [8, 6], [6, 4, 2]), 'found num_scales=3, 2 in_channels, 3 out_channels'),
        ((2, [8, 6], [6, 4, 2]), 'found num_scales=2, 2 in_channels, 3 out_channels'),
    ],
)
def test_levels_that_do_not_fit(args: tuple, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        YOLOV3Neck(*args)


def test_channels_are_compared_with_the_deepest_first() -> None:
    cfg = load_config(CHECKOUT / 'tests/tiny_yolov3.py').to_dict()['model']
    detector = build_detector(cfg)
    check_parts_fit(detector, cfg)
    cfg['neck']['in_channels'] = cfg['neck']['in_channels'][::-1]
    with pytest.raises(ConfigError, match=r'model.neck.in_channels: .* \[24, 8, 8\] channels'):
        check_parts_fit(detector, cfg)
