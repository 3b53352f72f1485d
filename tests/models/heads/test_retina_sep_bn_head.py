"""RetinaSepBNHead: which layers the levels share."""

from __future__ import annotations

import pytest

from mmlite.errors import ConfigError
from mmlite.models.heads import RetinaSepBNHead

ARGS = dict(num_classes=2, in_channels=4, feat_channels=4, stacked_convs=1)


def test_convolutions_are_shared_and_norms_are_not() -> None:
    head = RetinaSepBNHead(**ARGS, num_ins=5, norm_cfg=dict(type='BN'))
    first, second = head.cls_convs[0][0], head.cls_convs[1][0]
    assert first.conv is second.conv
    assert first.bn is not second.bn
    assert head.cls_convs[0][0].conv is not head.reg_convs[0][0].conv


def test_another_number_of_levels_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'num_ins: 5, the number of strides .* found 4'):
        RetinaSepBNHead(**ARGS, num_ins=4)
