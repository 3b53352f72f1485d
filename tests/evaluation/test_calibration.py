from __future__ import annotations

import numpy as np
import pytest

from mmlite.evaluation.calibration import calibration
from mmlite.evaluation.error_types import judge
from tests.evaluation.judged import EMPTY, judged, strip


def test_two_bins_by_hand() -> None:
    # d0 to d4: 0.9, 0.8, 0.7, 0.6, 0.5 in the upper bin, d0 is right; d6, d7: 0.3, 0.2 in the
    # lower one; the ignored d5 (0.4) is left out
    result = calibration(judged(), bins=2)
    assert result.counts.tolist() == [2, 5]
    assert result.mean_score == pytest.approx([0.25, 0.7])
    assert result.precision == pytest.approx([0, 1 / 5])
    assert result.error == pytest.approx((2 * 0.25 + 5 * 0.5) / 7)


def test_empty_bins_and_the_ends() -> None:
    dets = np.array([strip(0, 9, 1.0), strip(0, 9, 0.0)])
    result = calibration(judge([[dets]], [EMPTY]), bins=4)
    assert result.counts.tolist() == [1, 0, 0, 1]
    assert np.isnan(result.precision[1:3]).all()
    assert result.error == 0.5  # 0 and 1 away from nothing right
    assert calibration(judge([[np.zeros((0, 5))]], [EMPTY])).error == 0
