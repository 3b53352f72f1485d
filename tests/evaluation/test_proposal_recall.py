"""The recall of proposals: by hand, and as a metric."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.evaluation import CocoMetric
from mmlite.evaluation.proposal_recall import average_recalls
from mmlite.evaluation.results_metric import evaluate_results
from tests.evaluation.test_coco import TwoImages

OBJECTS = [np.array([[0, 0, 10, 10], [20, 20, 30, 30]]), np.array([[0, 0, 10, 10.0]])]
FOUND = [
    # the IoU with the first object is 0.5, then 1; with the second 0.8
    np.array([[0, 0, 10, 5, 0.9], [0, 0, 10, 10, 0.5], [20, 20, 30, 28, 0.7]]),
    np.zeros((0, 5)),
]


@pytest.mark.parametrize(
    ('num', 'expected'),
    [
        # the best box only: IoU 0.5 with one of three objects
        (1, [1 / 3, 0]),
        # 0.5 and 0.8
        (2, [2 / 3, 1 / 3]),
        # 1 and 0.8
        (3, [2 / 3, 2 / 3]),
    ],
)
def test_objects_found(num, expected):
    for thr, share in zip((0.5, 0.75), expected, strict=True):
        assert average_recalls(FOUND, OBJECTS, [num], [thr]) == {f'AR@{num}': pytest.approx(share)}
    both = average_recalls(FOUND, OBJECTS, [num], [0.5, 0.75])
    assert both == {f'AR@{num}': pytest.approx(sum(expected) / 2)}


def test_a_box_finds_one_object():
    """Two equal objects and one box: half of them are found."""
    twice, box = np.array([[0, 0, 10, 10]] * 2), np.array([[0, 0, 10, 10, 0.9]])
    assert average_recalls([box], [twice], [100], [0.5]) == {'AR@100': 0.5}


def test_nothing_to_find():
    assert average_recalls([FOUND[0]], [np.zeros((0, 4))], [10], [0.5]) == {'AR@10': -1}


def test_the_metric():
    data = TwoImages()
    bboxes = [data.get_ann_info(i)['bboxes'] for i in range(2)]
    # all objects as class 1, whatever they are
    results = [
        [np.concatenate([own, np.ones((len(own), 1))], axis=1).astype(np.float32)]
        + [np.zeros((0, 5), np.float32)] * (len(data.metainfo['classes']) - 1)
        for own in bboxes
    ]
    metric = CocoMetric(metric='proposal_fast')
    metric.set_dataset(data)
    assert metric.figure_names() == ['AR@100', 'AR@300', 'AR@1000']
    figures = evaluate_results(results, data, [metric])
    assert figures == {f'coco/AR@{num}': 1.0 for num in (100, 300, 1000)}
