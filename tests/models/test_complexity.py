"""Counting, by hand on a small model and on one that others have counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from torch import Tensor, nn

from mmlite.config import load_config
from mmlite.models.complexity import input_size, measure
from mmlite.registry import BACKBONES
from tests.models.tiny import NUM_PRIORS, tiny_ssd
from tests.runs import cli

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def test_parameters_and_priors():
    model = tiny_ssd()
    found = measure(Config(dict(model=model)), (64, 64))
    assert found.priors == NUM_PRIORS and found.trained == found.parameters
    frozen = tiny_ssd(backbone=dict(frozen_stages=4))
    backbone = BACKBONES.build(model['backbone'])
    size = sum(p.numel() for p in backbone.parameters())
    assert measure(Config(dict(model=frozen)), (64, 64)).trained == found.parameters - size


@BACKBONES.register_module()
class OneConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=8, padding=1)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.conv(x)]


def test_multiply_adds():
    head = dict(
        type='RetinaHead', num_classes=2, in_channels=8, stacked_convs=0,
        anchor_generator=dict(type='AnchorGenerator', strides=[8], ratios=[1], scales=[1]),
    )  # fmt: skip
    model = dict(type='RetinaNet', backbone=dict(type='OneConvolution'), bbox_head=head)
    found = measure(Config(dict(model=model)), (32, 16))
    # 4 x 2 cells: 3x3 of 3 to 8 channels, then of 8 to 2 classes and 4 sides
    assert found.multiply_adds == 8 * 9 * (3 * 8 + 8 * 2 + 8 * 4)
    assert found.size == (32, 16)


def test_input_of_the_test_pipeline_padded():
    cfg = load_config(CONFIGS / 'retinanet/retinanet_r50_fpn_1x_coco.py')
    assert input_size(cfg) == (1333, 800)
    assert measure(cfg).size == (1344, 800)


def test_ssd300_as_the_paper_counts_it():
    found = measure(load_config(CONFIGS / 'ssd/ssd300_voc.py'))
    assert found.size == (300, 300) and found.priors == 8732
    # torchvision counts 35.64 M parameters and 34.86 G for its own of 91 classes; here are 21
    assert found.parameters / 1e6 == pytest.approx(26.28, abs=0.05)


def test_the_command():
    ended = cli('model_info', CONFIGS / 'ssd/ssd_demo.py', '--size', '320', '240')
    assert ended.status == 0 and '| ssd_demo | 320x240 | ' in ended.out
    assert cli('model_info', CONFIGS / 'ssd/gone.py').status == 2
    base = cli('model_info', CONFIGS / '_base_/default_runtime.py')
    assert base.status == 2 and "the config has no 'model'" in base.err
