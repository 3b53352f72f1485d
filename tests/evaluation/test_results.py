from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch

from mmlite.errors import ConfigError, DataError
from mmlite.evaluation import bbox2result, load_results, result2bbox, save_results
from mmlite.evaluation.results import labelled_rows

DET = dict(
    bboxes=np.array([[0, 0, 9, 9], [1, 1, 5, 5], [2, 2, 8, 8]], np.float64),
    scores=np.array([0.9, 0.8, 0.7]),
    labels=np.array([3, 1, 3]),
)


def results() -> list[list[np.ndarray]]:
    return [bbox2result(DET, 3), [np.zeros((0, 5), np.float32)] * 3]


@pytest.mark.parametrize('convert', [np.asarray, torch.as_tensor])
def test_index_c_holds_label_c_plus_1(convert):
    per_class = bbox2result({key: convert(value) for key, value in DET.items()}, 3)
    assert [rows.shape for rows in per_class] == [(1, 5), (0, 5), (2, 5)]
    assert all(rows.dtype == np.float32 for rows in per_class)
    np.testing.assert_allclose(per_class[2], [[0, 0, 9, 9, 0.9], [2, 2, 8, 8, 0.7]])


def test_an_image_without_detections():
    empty = dict(bboxes=torch.zeros(0, 4), scores=torch.zeros(0), labels=torch.zeros(0).long())
    assert [rows.shape for rows in bbox2result(empty, 2)] == [(0, 5), (0, 5)]


def test_there_and_back():
    back = result2bbox(bbox2result(DET, 3))
    assert back['labels'].tolist() == [1, 3, 3]
    again = bbox2result(back, 3)
    for rows, expected in zip(again, bbox2result(DET, 3), strict=True):
        np.testing.assert_array_equal(rows, expected)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(labels=np.array([0, 1, 2])), r'1\.\.3 are expected.*0\.\.2'),
        (dict(labels=np.array([1, 2, 4])), r'found 1\.\.4'),
        (dict(scores=np.array([1.0])), '3 bboxes, 1 scores and 3 labels'),
    ],
)
def test_what_is_no_detection(change, message):
    with pytest.raises(ValueError, match=message):
        bbox2result({**DET, **change}, 3)


@pytest.mark.parametrize('name', ['r.pkl', 'new/folder/r.pickle'])
def test_saved_results_are_loaded(tmp_path, name):
    save_results(results(), tmp_path / name)
    loaded = load_results(tmp_path / name, 2, 3)
    assert [[rows.tolist() for rows in image] for image in loaded] == [
        [rows.tolist() for rows in image] for image in results()
    ]
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [(tmp_path / name).name]


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / 'r.pkl'
    save_results(results(), path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        save_results([lambda: None], path)
    assert len(load_results(path, 2, 3)) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_ending_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"r\.json: a results file ends in '\.pkl'"):
        save_results(results(), tmp_path / 'r.json')


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read(tmp_path, protocol):
    path = tmp_path / 'r.pkl'
    path.write_bytes(pickle.dumps(results(), protocol))  # mmdet 2.x: protocol 2
    np.testing.assert_array_equal(load_results(path, 2, 3)[0][2], results()[0][2])


def test_files_of_the_other_numpy_are_read(tmp_path):
    # numpy 1 and 2 name the same function differently; protocol 2 writes names as plain text
    data = pickle.dumps(results(), 2)
    swapped = data.replace(b'cnumpy._core.', b'cnumpy.core.')
    if swapped == data:
        swapped = data.replace(b'cnumpy.core.', b'cnumpy._core.')
    assert swapped != data
    (tmp_path / 'r.pkl').write_bytes(swapped)
    np.testing.assert_array_equal(load_results(tmp_path / 'r.pkl', 2, 3)[0][2], results()[0][2])


class Harmful:
    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_no_code_in_a_file_is_run(tmp_path):
    path = tmp_path / 'r.pkl'
    path.write_bytes(pickle.dumps([[Harmful(tmp_path / 'made')]]))
    with pytest.raises(DataError, match=r"r\.pkl: not a file of results: .*mkdir'; only numpy"):
        load_results(path, 1, 1)
    assert not (tmp_path / 'made').exists()


def test_tensors_are_explained(tmp_path):
    path = tmp_path / 'r.pkl'
    path.write_bytes(pickle.dumps([dict(img_id=1, pred_instances=dict(bboxes=torch.ones(1, 4)))]))
    with pytest.raises(DataError, match=r'torch tensors, .* mmdet 3\.x'):
        load_results(path, 1, 1)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({}, 'images: 2 are expected, dict found'),
        ([[]], 'images: 2 are expected, 1 found'),
        ([[], []], 'image 0: classes: 1 are expected, 0 found'),
        ([[np.zeros((1, 5))], [np.zeros((1, 4))]], r'image 1, class 0: .*ndarray \(1, 4\) found'),
        ([[np.zeros((1, 5))], [[1, 2]]], r'image 1, class 0: .*list \(\) found'),
        ([[np.zeros((1, 5))], [np.zeros((1, 5), 'U3')]], 'image 1, class 0: an array of numbers'),
        ([[np.zeros((1, 5))], [np.full((1, 5), np.nan)]], 'image 1, class 0: finite numbers are'),
    ],
)
def test_another_shape_is_named(tmp_path, content, message):
    path = tmp_path / 'r.pkl'
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=message):
        load_results(path, 2, 1)


def test_no_file_and_broken_file(tmp_path):
    with pytest.raises(DataError, match=r'r\.pkl: no such results file'):
        load_results(tmp_path / 'r.pkl', 1, 1)
    (tmp_path / 'r.pkl').write_bytes(pickle.dumps(results())[:40])
    with pytest.raises(DataError, match=r'r\.pkl: not a file of results'):
        load_results(tmp_path / 'r.pkl', 2, 3)


@pytest.mark.parametrize(
    ('given', 'kept'), [('f8', 'f8'), ('f4', 'f4'), ('f2', 'f4'), ('i8', 'f8')]
)
def test_a_file_keeps_the_precision_that_it_has(given, kept, tmp_path):
    rows = np.array([[1, 2, 3, 16777217, 1]], given if given != 'f2' else 'f4')  # 2^24 + 1
    rows = np.clip(rows, 0, 60000).astype(given) if given == 'f2' else rows
    save_results([[rows]], tmp_path / 'a.pkl')
    read = load_results(tmp_path / 'a.pkl', 1, 1)[0][0]
    assert read.dtype == kept and (read == rows).all()


def test_detections_of_float64_stay_so():
    det = dict(
        bboxes=np.array([[0, 0, 1, 1 + 2.0**-40]]), scores=np.ones(1), labels=np.ones(1, int)
    )
    assert labelled_rows(det, 1)[0, 3] == 1 + 2.0**-40
    low = {key: value.astype(np.float32) for key, value in det.items()}
    assert labelled_rows(low, 1).dtype == np.float32
