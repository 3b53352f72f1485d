from __future__ import annotations

import pytest

from mmlite.errors import ConfigError
from mmlite.models.distribution import Integral


@pytest.mark.parametrize('reg_max', [0, -1])
def test_a_distribution_has_two_distances_at_least(reg_max: int) -> None:
    with pytest.raises(ConfigError, match=f'reg_max: 1 or more is expected, found {reg_max}'):
        Integral(reg_max)
