"""BFP: the mean of the levels comes back to each of them; numbers by hand."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.necks import BFP
from mmlite.models.necks.bfp import NonLocal2d


def test_the_mean_is_added_to_each_level() -> None:
    large, small = torch.tensor([[[[1.0, 3], [5, 7]]]]), torch.tensor([[[[9.0]]]])
    outs = BFP(1, 2, refine_level=1)([large, small])
    # the maximum of the large map is 7, and (7 + 9) / 2 = 8
    assert outs[0].flatten().tolist() == [9, 11, 13, 15]
    assert outs[1].flatten().tolist() == [17]
    # at the size of the large map: (1 + 9) / 2 = 5, 6, 7, 8; the small one gets the maximum
    outs = BFP(1, 2, refine_level=0)([large, small])
    assert outs[0].flatten().tolist() == [6, 9, 12, 15]
    assert outs[1].flatten().tolist() == [17]


def test_attention_starts_with_nothing_to_add() -> None:
    torch.manual_seed(0)
    neck = BFP(4, 2, refine_type='non_local', refine_level=1)
    neck.init_weights()
    feats = [torch.rand(1, 4, 6, 8), torch.rand(1, 4, 3, 4)]
    plain = BFP(4, 2, refine_level=1)(feats)
    torch.testing.assert_close(neck(feats), plain)
    assert neck.refine.theta.conv.weight.std() < 0.02  # drawn with 0.01


def test_a_cell_sees_those_that_are_like_it() -> None:
    attention = NonLocal2d(1, None)
    for part in (attention.theta, attention.phi, attention.g, attention.conv_out):
        torch.nn.init.ones_(part.conv.weight)
        torch.nn.init.zeros_(part.conv.bias)
    x = torch.tensor([[[[0.0, 1]]]])
    e = torch.e
    # of the cell 0 all products are 0: the mean 0.5; of the cell 1 they are 0 and 1
    expected = [0.5, 1 + e / (1 + e)]
    assert attention(x).flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(refine_type='nonlocal'), "found 'nonlocal'"),
        (dict(refine_level=2), 'refine_level is from 0 to 1'),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BFP(4, 2, **changes)


def test_another_number_of_maps_is_refused() -> None:
    with pytest.raises(ConfigError, match='the neck before it gives 1 maps'):
        BFP(4, 2, refine_level=1)([torch.rand(1, 4, 3, 4)])
