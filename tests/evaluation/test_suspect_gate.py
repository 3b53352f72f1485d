"""Who may question annotations; the rates are those of data with wrong labels planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmlite.evaluation.error_types import judge
from mmlite.evaluation.suspect_gate import Strength, gate_text, strengths, trusted
from mmlite.evaluation.suspicious import NOTHING_THERE, Suspicion, suspicious_labels

STRONG = Strength('cat', 20, 0.7, 0.3)
WEAK = [
    (replace(STRONG, boxes=19), '19 boxes'),
    (replace(STRONG, ap50=0.69), 'AP 0.69 at IoU 0.5'),
    (replace(STRONG, ap75=0.03), 'AP 0.03 at IoU 0.75'),
]


def suspicion(reason: str, annotated: str, detected: str) -> Suspicion:
    return Suspicion('a.jpg', reason, annotated, detected, 0.9, 0.0, 0, 0, 9, 9)


def test_the_limits() -> None:
    assert STRONG.why_not == ''
    for strength, why in WEAK:
        assert strength.why_not == why


def test_the_class_of_the_detection_decides() -> None:
    weak = Strength('dog', 100, 0.2, 0.1)
    by_cat, by_dog = (
        suspicion('other class?', 'dog', 'cat'),
        suspicion('other class?', 'cat', 'dog'),
    )
    nothing = suspicion(NOTHING_THERE, 'cat', '')
    assert trusted([by_cat, by_dog, nothing], [STRONG, weak]) == [by_cat]
    assert trusted([nothing], [replace(STRONG, ap50=0.9), weak]) == [nothing]


def test_it_says_why() -> None:
    assert 'all classes are' in gate_text([STRONG])
    text = gate_text([STRONG, replace(STRONG, name='dog', ap75=0.03)])
    assert text.endswith('Left out: dog: AP 0.03 at IoU 0.75.')
    assert 'an AP of 0.7 at IoU 0.5, 0.3 at IoU 0.75 and 20 boxes' in text
    assert 'No class is strong enough: cat: 19 boxes' in gate_text([WEAK[0][0]])


@pytest.mark.parametrize(('jitter', 'is_open'), [(0.02, True), (0.24, False)])
def test_planted_labels_are_found_by_strong_models_only(jitter: float, is_open: bool) -> None:
    """200 squares of 40 px, ten of them annotated 24 px to the side, IoU 16 / 64 = 0.25.

    Detections lie within the jitter of the true squares. With 0.02 of the side all suspects are
    planted; with 0.24 of the side and more, most suspects are good labels, and AP75 says so.
    """
    rng = np.random.default_rng(0)
    box = np.array([100.0, 100, 140, 140])
    planted = np.arange(200) % 20 == 0
    truths = [
        dict(bboxes=(box + 24 * np.array([moved, 0, moved, 0]))[None], labels=np.array([1]))
        for moved in planted
    ]
    dets = [
        [np.array([[*(box + rng.normal(size=4) * jitter * 40), rng.uniform(0.8, 1)]])]
        for _ in truths
    ]
    at50, at75 = judge(dets, truths), judge(dets, truths, 0.75)
    found = strengths(at50, at75, ['square'])
    files = [str(i) for i in range(200)]
    suspicions = suspicious_labels(at50, np.array([0.5]), files, ['square'])
    right = np.mean([planted[int(s.file)] for s in suspicions])
    assert bool(trusted(suspicions, found)) == is_open, found
    assert (right > 0.9) == is_open
