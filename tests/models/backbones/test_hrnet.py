"""HRNet: sizes beside each other, sums between them, and an `extra` that is wrong."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mmlite.errors import ConfigError
from mmlite.models.backbones import HRNet
from mmlite.models.backbones.hrnet import HRModule
from mmlite.models.backbones.residual_blocks import BasicBlock
from tests.models.backbones.common import check_with_cp, shapes


def stage(branches: int, block: str = 'BASIC', modules: int = 1) -> dict:
    widths = [8 * 2**i for i in range(branches)]
    return dict(
        num_modules=modules,
        num_branches=branches,
        block=block,
        num_blocks=[1] * branches,
        num_channels=widths,
    )


EXTRA = dict(stage1=stage(1, 'BOTTLENECK'), stage2=stage(2), stage3=stage(3), stage4=stage(4))


def test_maps_of_four_sizes():
    expected = [(8, 16, 24), (16, 8, 12), (32, 4, 6), (64, 2, 3)]
    assert shapes(HRNet(EXTRA), 64, 96) == expected
    assert shapes(HRNet(EXTRA, multiscale_output=False), 64, 96) == expected[:1]


def test_sides_that_are_no_multiples_of_32():
    # each size is half the one before, rounded up
    assert [shape[1:] for shape in shapes(HRNet(EXTRA), 70, 50)] == [
        (18, 13), (9, 7), (5, 4), (3, 2)
    ]  # fmt: skip


def test_every_size_gets_the_sum_of_all():
    module = HRModule(stage(2), BasicBlock, dict(type='BN'), all_sizes=True).eval()
    for conv in module.modules():
        if isinstance(conv, nn.Conv2d):
            nn.init.zeros_(conv.weight)
    fine, coarse = torch.rand(1, 8, 4, 4), torch.rand(1, 16, 2, 2)
    with torch.no_grad():
        # with weights of 0 each branch hands its input on, and nothing comes from the other
        outs = module([fine, coarse])
        assert torch.equal(outs[0], fine) and torch.equal(outs[1], coarse)
        nn.init.constant_(module.fuse_layers[0][1][1].bias, 2.0)
        assert torch.equal(module([fine, coarse])[0], fine + 2)


def test_norms_keep_their_statistics():
    backbone = HRNet(EXTRA).train()
    assert backbone.training and not backbone.bn1.training


def test_checkpointed_activations_give_the_same_gradients():
    check_with_cp(lambda **args: HRNet(EXTRA, **args))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(stage4=None), r'extra\.stage4 is a dict of num_modules, .* found None'),
        (dict(stage2=dict(num_blocks=[1, 1])), r'extra\.stage2 is a dict of num_modules'),
        (dict(stage2=stage(2, 'BASI')), r"'BASIC' or 'BOTTLENECK', found 'BASI'\. .*'BASIC'"),
        (
            dict(stage3={**stage(3), 'num_blocks': [1, 1]}),
            r'extra\.stage3\.num_blocks has one number for each of 3 branches, found \(1, 1\)',
        ),
    ],
)
def test_an_extra_that_is_wrong(change, message):
    with pytest.raises(ConfigError, match=f'HRNet: .*{message}'):
        HRNet({**copy.deepcopy(EXTRA), **change})
