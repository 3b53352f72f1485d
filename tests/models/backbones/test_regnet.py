"""RegNet: the stages that follow from its parameters, what is frozen, and wrong arguments."""

from __future__ import annotations

import pytest

from mmlite.errors import ConfigError
from mmlite.models.backbones import RegNet
from mmlite.models.backbones.regnet import _ARCHS, _KEYS, stages_of
from tests.models.backbones.common import check_frozen, check_with_cp, shapes

SMALL = dict(w0=16, wa=16, wm=2, group_w=8, depth=5, bot_mul=1.0)


@pytest.mark.parametrize(
    ('arch', 'widths', 'depths'),
    [
        # figures 16 and 17 of the paper
        ('regnetx_400mf', [32, 64, 160, 384], [1, 2, 7, 12]),
        ('regnetx_800mf', [64, 128, 288, 672], [1, 3, 7, 5]),
        ('regnetx_3.2gf', [96, 192, 432, 1008], [2, 6, 15, 2]),
        ('regnetx_12gf', [224, 448, 896, 2240], [2, 5, 11, 1]),
    ],
)
def test_stages_of_the_paper(arch, widths, depths):
    assert stages_of(dict(zip(_KEYS, _ARCHS[arch], strict=True))) == (widths, depths)


def test_stages_by_hand():
    # the line 16 32 48 64 80 is 16 times 2 to the 0, 1, 1.58, 2, 2.32: rounded 0 1 2 2 2
    assert stages_of(SMALL) == ([16, 32, 64], [1, 1, 3])
    # a block half as wide inside has groups of 24: 8 becomes one group of 8, 16 and 32 16 and 24
    assert stages_of({**SMALL, 'bot_mul': 0.5, 'group_w': 24}) == ([16, 32, 48], [1, 1, 3])


def test_maps_and_frozen_stages():
    make = dict(arch=SMALL, out_indices=(0, 2), stem_channels=8)
    assert shapes(RegNet(**make), 64, 96) == [(16, 16, 24), (64, 4, 6)]
    check_frozen(RegNet(**make, frozen_stages=1), ('conv1.', 'bn1.', 'layer1.'))


def test_checkpointed_activations_give_the_same_gradients():
    check_with_cp(lambda **args: RegNet(SMALL, out_indices=(2,), **args))


def test_the_last_norm_of_a_block_starts_at_0_without_weights():
    backbone = RegNet(SMALL, out_indices=(2,))
    backbone.init_weights()
    assert backbone.layer1[0].bn3.weight.eq(0).all() and backbone.layer1[0].bn2.weight.eq(1).all()


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(arch='regnetx_400m'), r"arch 'regnetx_400m' is unknown\. .*'regnetx_400mf'"),
        (dict(arch=dict(w0=24)), 'arch has the keys w0, wa, wm, group_w, depth, bot_mul; found w0'),
        (dict(arch=SMALL), r'out_indices \(0, 1, 2, 3\) need 4 stages, num_stages is 3'),
        (dict(arch='regnetx_400mf', frozen_stages=5), 'frozen_stages is 5, num_stages is 4'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=f'RegNet: {message}'):
        RegNet(**args)
