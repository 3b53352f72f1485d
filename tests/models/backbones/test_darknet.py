"""Darknet: strides, blocks, what is frozen; values are in the golden."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.backbones import Darknet
from tests.models.backbones.common import check_frozen, shapes


@pytest.fixture(scope='module')
def backbone() -> Darknet:
    with torch.device('meta'):
        return Darknet(out_indices=range(6))


def test_stages(backbone: Darknet) -> None:
    # 32 channels at stride 1, then twice as many at half the size, five times
    expected = [(32 * 2**i, 64 // 2**i, 96 // 2**i) for i in range(6)]
    assert shapes(backbone, 64, 96) == expected


def test_it_has_52_convolutions(backbone: Darknet) -> None:
    # 1 + 5 that halve the map + 2 in each of 1 + 2 + 8 + 8 + 4 blocks; the 53rd is a classifier's
    convs = [key for key in backbone.state_dict() if key.endswith('conv.weight')]
    assert len(convs) == 1 + 5 + 2 * (1 + 2 + 8 + 8 + 4)


def test_what_is_frozen_stays_so_through_train() -> None:
    with torch.device('meta'):
        # as in mmdet, the first convolution is the first of them
        check_frozen(Darknet(frozen_stages=2, norm_eval=False), ('conv1.', 'conv_res_block1.'))
        check_frozen(Darknet(frozen_stages=0, norm_eval=False), ('-',))
        backbone = Darknet().train()
    assert backbone.conv1.training and not backbone.conv1.bn.training


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(depth=19), 'depth is 53, found 19'),
        (dict(out_indices=(6,)), r'out_indices lie in 0\.\.5, found \(6,\)'),
        (dict(frozen_stages=7), r'frozen_stages lies in -1\.\.6, found 7'),
    ],
)
def test_arguments_that_do_not_fit(args: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=f'Darknet: {message}'):
        Darknet(**args)
