"""The detections are those of `judged.py`."""

from __future__ import annotations

import csv
import io

import numpy as np

from mmlite.evaluation.error_types import judge
from mmlite.evaluation.suspicious import suspicions_csv, suspicious_labels
from tests.evaluation.judged import judged, strip


def test_by_hand() -> None:
    found = suspicious_labels(judged(), np.array([0.45, 0.25]), ['a.jpg'], ['cat', 'dog'])
    assert [(s.reason, s.annotated, s.detected, s.score, s.x1) for s in found] == [
        ('box not tight?', 'cat', 'cat', 0.7, 100),  # d2, the place is that of the annotation
        ('other class?', 'dog', 'cat', 0.6, 200),  # d3
        ('not annotated?', '', 'cat', 0.5, 500),  # d4; d7 is below the threshold
        ('nothing there?', 'dog', '', 0, 300),  # g3
    ]


def test_a_box_that_was_found_is_not_suspicious() -> None:
    truth = dict(bboxes=np.array([strip(0, 10)]), labels=np.array([1]))
    dets = [np.array([strip(0, 10, 0.5)]), np.array([strip(0, 10, 0.8)])]
    assert suspicious_labels(judge([dets], [truth]), np.zeros(2), ['a'], ['cat', 'dog']) == []


def test_csv() -> None:
    name = 'a, "b".jpg'
    text = suspicions_csv(
        suspicious_labels(judged(), np.array([0.65, 1.0]), [name], ['cat', 'dog'])
    )
    [first, second] = csv.DictReader(io.StringIO(text))
    assert first['file'] == second['file'] == name
    assert (first['iou'], first['x1'], first['y2']) == ('0.3', '100.0', '10.0')
    assert second['reason'] == 'nothing there?'


def test_a_box_that_an_unsure_detection_found_still_is() -> None:
    truth = dict(bboxes=np.array([strip(0, 10)]), labels=np.array([1]))
    dets = [np.array([strip(0, 10, 0.1)]), np.array([strip(0, 10, 0.8)])]
    found = suspicious_labels(judge([dets], [truth]), np.full(2, 0.5), ['a'], ['cat', 'dog'])
    assert [(s.reason, s.annotated, s.detected) for s in found] == [('other class?', 'cat', 'dog')]
