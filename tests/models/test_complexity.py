"""Counting, by hand on a small model and on one that others have counted."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from torch import Tensor, nn

from mmlite.config import load_config
from mmlite.engine.parts import Parts
from mmlite.models.complexity import input_size, measure
from mmlite.registry import BACKBONES
from tests.models.tiny import NUM_PRIORS, tiny_ssd
from tests.runs import CHECKOUT, CONFIGS, cli


def test_parameters_and_priors():
    model = tiny_ssd()
    found = Parts(Config(dict(model=model))).complexity((64, 64))
    assert found.priors == NUM_PRIORS and found.trained == found.parameters
    frozen = tiny_ssd(backbone=dict(frozen_stages=4))
    backbone = BACKBONES.build(model['backbone'])
    size = sum(p.numel() for p in backbone.parameters())
    assert Parts(Config(dict(model=frozen))).complexity((64, 64)).trained == found.parameters - size


@BACKBONES.register_module()
class OneConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=8, padding=1)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.conv(x)]


@BACKBONES.register_module()
class NoConvolution(nn.Module):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [x]


def retinanet(backbone: str, channels: int, stride: int) -> Config:
    """One prior a cell, 2 classes, no towers."""
    anchors = dict(type='AnchorGenerator', strides=[stride], ratios=[1], scales=[1])
    args = dict(num_classes=2, in_channels=channels, stacked_convs=0, anchor_generator=anchors)
    head = dict(type='RetinaHead', **args)
    return Config(dict(model=dict(type='RetinaNet', backbone=dict(type=backbone), bbox_head=head)))


def test_a_part_that_multiplies_nothing():
    found = Parts(retinanet('NoConvolution', 3, 1)).complexity((4, 4))
    assert found.parts['backbone'] == (0, 0)


@pytest.mark.parametrize('name', ['Resize', 'mmdet.Resize', 'mmlite.Resize'])
def test_the_size_of_the_test_pipeline(name):
    dataset = dict(pipeline=[dict(type=name, scale=(300, 200))])
    assert input_size(Config(dict(test_dataloader=dict(dataset=dataset)))) == (300, 200)


def test_multiply_adds():
    found = Parts(retinanet('OneConvolution', 8, 8)).complexity((32, 16))
    # 4 x 2 cells: 3x3 of 3 to 8 channels, then of 8 to 2 classes and 4 sides
    assert found.multiply_adds == 8 * 9 * (3 * 8 + 8 * 2 + 8 * 4)
    assert found.size == (32, 16)
    # by part: the backbone's 3 * 8 * 9 weights and 8 biases; the head's to 2 classes and 4 sides
    assert found.parts['backbone'] == (224, 8 * 9 * 3 * 8)
    assert found.parts['bbox_head'] == (8 * 9 * 6 + 6, 8 * 9 * 8 * 6)


def test_a_second_stage_counts_for_all_proposals():
    cfg = load_config(CHECKOUT / 'tests/tiny_faster_rcnn.py')
    found = Parts(cfg).complexity((64, 64))
    # 30 RoIs of 16 channels and 4 x 4 cells to 32, to 32, to 5 classes and none, and 5 boxes
    assert found.parts['roi_head'][1] == 30 * (16 * 16 * 32 + 32 * 32 + 32 * 6 + 32 * 20)
    assert found.multiply_adds == sum(count for _, count in found.parts.values())
    cascade = Parts(load_config(CHECKOUT / 'tests/tiny_cascade_rcnn.py')).complexity((64, 64))
    # two stages with one box for all classes
    one = 30 * (16 * 16 * 32 + 32 * 32 + 32 * 6 + 32 * 4)
    assert cascade.parts['roi_head'][1] == 2 * one


def test_input_of_the_test_pipeline_padded():
    cfg = load_config(CONFIGS / 'retinanet/retinanet_r50_fpn_1x_coco.py')
    assert input_size(cfg) == (1333, 800)
    assert Parts(cfg).complexity().size == (1344, 800)


def test_ssd300_as_the_paper_counts_it():
    found = Parts(load_config(CONFIGS / 'ssd/ssd300_voc.py')).complexity()
    assert found.size == (300, 300) and found.priors == 8732
    # torchvision counts 35.64 M parameters and 34.86 G for its own of 91 classes; here are 21
    assert found.parameters / 1e6 == pytest.approx(26.28, abs=0.05)


def test_flops_of_the_parts():
    ended = cli('get_flops', CONFIGS / 'ssd/ssd_demo.py', '--size', '320', '240')
    assert ended.status == 0 and 'input: 320x240, ' in ended.out
    rows = [line.split('|')[1:4] for line in ended.out.splitlines() if line.startswith('| ')]
    names, sizes, operations = zip(*([cell.strip() for cell in row] for row in rows), strict=True)
    assert names == ('part', 'backbone', 'neck', 'bbox_head', 'all')
    for column in (sizes, operations):
        *parts, whole = (float(cell.split()[0]) for cell in column[1:])
        assert sum(parts) == pytest.approx(whole, abs=0.02)  # two decimals each
    assert cli('get_flops', CONFIGS / 'ssd/gone.py').status == 2
    same = cli('model_info', CONFIGS / 'ssd/ssd_demo.py', '--size', '320', '240', '--parts')
    assert same == ended


def test_each_of_several_models_is_named_above_its_parts():
    configs = [CONFIGS / 'ssd/ssd_demo.py', CONFIGS / 'fcos/fcos_demo.py']
    ended = cli('model_info', *configs, '--size', '64', '64', '--parts')
    lines = ended.out.splitlines()
    assert [line for line in lines if line.endswith('.py:')] == [f'{path}:' for path in configs]
    assert len([line for line in lines if line.startswith('counted: ')]) == 1


def test_the_command():
    ended = cli('model_info', CONFIGS / 'ssd/ssd_demo.py', '--size', '320', '240')
    assert ended.status == 0 and '| ssd_demo | 320x240 | ' in ended.out
    assert cli('model_info', CONFIGS / 'ssd/gone.py').status == 2
    base = cli('model_info', CONFIGS / '_base_/default_runtime.py')
    assert base.status == 2 and "the config has no 'model'" in base.err


def test_a_preprocessor_of_ones_own_needs_no_divisor() -> None:
    outline = Parts(retinanet('OneConvolution', 8, 8)).outline
    outline.data_preprocessor = nn.Identity()
    assert measure(outline, (32, 16)).size == (32, 16)
