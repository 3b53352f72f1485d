"""NASFPN: sizes that do not fit each other, and what merges two maps, by hand."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.necks import NASFPN
from mmlite.models.necks.nas_fpn import attended, resized


def test_a_map_grows_by_its_nearest_cells_and_shrinks_to_its_maxima() -> None:
    row = torch.tensor([[[[1.0, 5, 2]]]])
    assert resized(row, torch.zeros(1, 1, 1, 6)).flatten().tolist() == [1, 1, 5, 5, 2, 2]
    # 3 cells to 2: a column of 0 is added on the right, and pairs are taken
    assert resized(row, torch.zeros(1, 1, 1, 2)).flatten().tolist() == [5, 2]
    assert resized(row, row) is row


def test_as_much_of_the_deep_map_as_the_mean_of_the_other_says() -> None:
    deep, shallow = torch.tensor([[[[8.0]]]]), torch.tensor([[[[-1.0, 1]]]])
    # the mean is 0, its sigmoid a half
    assert attended(deep, shallow, like=shallow).flatten().tolist() == [3, 5]


def test_five_levels_from_two_maps_of_odd_sizes() -> None:
    neck = NASFPN([4, 8], 4, num_outs=5, stack_times=2)
    outs = neck([torch.rand(1, 4, 37, 50), torch.rand(1, 8, 19, 25)])
    assert [tuple(out.shape[2:]) for out in outs] == [(37, 50), (19, 25), (9, 12), (4, 6), (2, 3)]


@pytest.mark.parametrize('changes', [dict(num_outs=4), dict(start_level=2), dict(end_level=-2)])
def test_another_number_of_levels_is_refused(changes: dict) -> None:
    with pytest.raises(ConfigError, match='NASFPN: num_outs=5 is expected'):
        NASFPN([4, 8], 4, **{'num_outs': 5, 'stack_times': 1, **changes})
