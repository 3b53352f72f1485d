"""The data set of JSON lines and the metric that counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from examples.object_counts.count_metric import CountMetric
from examples.object_counts.json_lines import JsonLinesDataset
from mmlite.errors import DataError
from mmlite.evaluation.results_metric import evaluate_results
from tests.examples.short_run import EXAMPLES, train_and_test

FOLDER = EXAMPLES / 'object_counts'


def test_trains_and_tests(tmp_path: Path) -> None:
    out = train_and_test(FOLDER / 'counts_demo.py', tmp_path, options=[])
    assert out[-1].startswith('count/MAE: ')
    assert (tmp_path / 'best_count_MAE_epoch_1.pth').is_file()


def data_set(folder: Path, *rows: dict, **arguments: object) -> JsonLinesDataset:
    lines = [json.dumps(row) for row in rows]
    (folder / 'a.jsonl').write_text('\n'.join(lines), encoding='utf-8')
    return JsonLinesDataset('a.jsonl', data_root=str(folder), test_mode=True, **arguments)


TWO_RINGS = dict(
    image='1.jpg',
    boxes=[[1, 2, 30, 40], [5, 5, 9, 9], [0, 0, 4, 4]],
    classes=['ring', 'dot', 'ring'],
)
NOTHING = dict(image='2.jpg', boxes=[], classes=[])


def test_lines_become_boxes_and_labels(tmp_path: Path) -> None:
    data = data_set(tmp_path, TWO_RINGS, NOTHING)
    assert data.classes == ('dot', 'ring')  # those found, sorted
    assert data.filename(1) == str(tmp_path / '2.jpg')
    ann = data.get_ann_info(0)
    assert ann['bboxes'].tolist() == TWO_RINGS['boxes']
    assert ann['labels'].tolist() == [2, 1, 2]
    assert data.get_ann_info(1)['bboxes'].shape == (0, 4)


def test_only_the_classes_asked_for(tmp_path: Path) -> None:
    ann = data_set(tmp_path, TWO_RINGS, metainfo=dict(classes=('ring',))).get_ann_info(0)
    assert ann['bboxes'].tolist() == [[1, 2, 30, 40], [0, 0, 4, 4]]
    assert ann['labels'].tolist() == [1, 1]


@pytest.mark.parametrize(
    'row',
    [
        dict(image='1.jpg', boxes=[]),
        dict(TWO_RINGS, classes=['ring']),
        dict(TWO_RINGS, image=3),
        dict(TWO_RINGS, classes='ab'),
        dict(TWO_RINGS, boxes=[[1, 2], [3, 4]], classes=['ring']),
        3,
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, row: object) -> None:
    with pytest.raises(DataError, match=r'a\.jsonl:2: a JSON object with image, boxes and classes'):
        data_set(tmp_path, NOTHING, row)


def test_an_image_outside_of_the_data_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='secret'):
        data_set(tmp_path, dict(TWO_RINGS, image='../secret.jpg'))


def test_the_counts_by_hand(tmp_path: Path) -> None:
    data = data_set(tmp_path, TWO_RINGS, NOTHING)

    def detections(*scores: float) -> np.ndarray:
        return np.array([[0, 0, 9, 9, score] for score in scores], np.float32).reshape(-1, 5)

    results = [
        [detections(0.9), detections(0.5, 0.3, 0.4, 0.29)],  # 1 dot of 1, 3 rings of 2
        [detections(), detections(0.8, 0.7)],  # no dot of 0, 2 rings of 0
    ]
    figures = evaluate_results(results, data, [CountMetric(score_thr=0.3)])
    # rings: (|3 - 2| + |2 - 0|) / 2 = 1.5; MAE: (0 + 1.5) / 2
    assert figures == {'count/dot': 0.0, 'count/ring': 1.5, 'count/MAE': 0.75}
    assert list(figures)[-1] == 'count/MAE'
