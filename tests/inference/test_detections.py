"""Forms of one image's detections, by hand."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from mmlite.errors import ConfigError
from mmlite.inference import Detections


@pytest.fixture
def det() -> Detections:
    return Detections(
        np.float32([[0, 1, 10, 11], [2, 3, 4, 5], [5, 5, 9, 9]]),
        np.float32([0.9, 0.5, 0.2]),
        np.array([2, 1, 2]),
        ('cat', 'dog', 'cow'),
    )


def test_names_are_counted_from_one(det: Detections) -> None:
    assert det.names == ['dog', 'cat', 'dog']


def test_it_reads_as_a_dict_too(det: Detections) -> None:
    assert det['bboxes'] is det.bboxes and det['labels'] is det.labels


def test_above_keeps_the_threshold_itself(det: Detections) -> None:
    kept = det.above(0.5)
    assert len(kept) == 2 and kept.names == ['dog', 'cat']
    assert len(det.above(0.91)) == 0


def test_lists_of_mmdet_2x(det: Detections) -> None:
    cat, dog, cow = det.to_lists()
    np.testing.assert_array_equal(cat, np.float32([[2, 3, 4, 5, 0.5]]))
    np.testing.assert_array_equal(dog, np.float32([[0, 1, 10, 11, 0.9], [5, 5, 9, 9, 0.2]]))
    assert cow.shape == (0, 5)


def test_supervision(det: Detections, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = ModuleType('supervision')
    stand_in.Detections = SimpleNamespace  # keeps what it gets by name
    monkeypatch.setitem(sys.modules, 'supervision', stand_in)
    theirs = det.to_supervision()
    assert vars(theirs).keys() == {'xyxy', 'confidence', 'class_id', 'data'}
    assert theirs.xyxy is det.bboxes and theirs.confidence is det.scores
    np.testing.assert_array_equal(theirs.class_id, [1, 0, 1])  # from 0 there
    assert theirs.data['class_name'].tolist() == ['dog', 'cat', 'dog']


def test_without_supervision_it_says_what_to_install(
    det: Detections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'supervision', None)
    with pytest.raises(ConfigError, match='pip install supervision'):
        det.to_supervision()
