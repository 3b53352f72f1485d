"""Where label files are found, and that missing ones are never silently taken for background."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets import YoloDataset
from mmlite.datasets.yolo_labels import find_label_files, in_folder, label_file, parse_row
from mmlite.errors import DataError

ROW = '0 0.5 0.5 0.5 0.5\n'


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))


def make(root: Path, images: str, labels: str, names: str = 'abcd', text: str = ROW) -> None:
    for folder in (images, labels):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(root / images / f'{name}.jpg'), np.zeros((20, 40, 3), np.uint8))
        (root / labels / f'{name}.txt').write_text(text)


def build(root: Path, img: str, **changes) -> YoloDataset:
    prefix = dict(img=img) | changes.pop('data_prefix', {})
    return YoloDataset(
        **dict(data_root=str(root), data_prefix=prefix, metainfo=dict(classes=('cat',))) | changes
    )


@pytest.mark.parametrize(
    ('images', 'labels', 'said'),
    [
        ('images/train', 'labels/train', ''),
        ('train/images', 'train/labels', ''),
        ('obj_train_data', 'obj_train_data', ''),
        ('images', 'images', 'beside the images'),
        ('images/train', 'images/train', 'beside the images'),
        ('images/Train', 'labels/train', 'another spelling'),
        ('images/train', 'Labels/Train', 'another spelling'),
        ('Images/train', 'Labels/train', 'another spelling'),
        ('imgs/train', 'labels/train', 'another spelling'),
        ('img', 'label', 'another spelling'),
        ('JPEGImages', 'labels', 'another spelling'),
    ],
)
def test_places_that_are_found(tmp_path, images, labels, said) -> None:
    make(tmp_path, images, labels)
    dataset = build(tmp_path, images)
    assert sum(dataset.category_counts().values()) == 4 and dataset.warnings == []
    assert said in ' '.join(dataset.read_as) and bool(said) == bool(dataset.read_as)


@pytest.mark.parametrize(
    ('images', 'labels'),
    [
        ('images', 'annotations'),
        ('images/train', 'labels'),
        ('images', 'labels/train'),
        ('train', 'labels/train'),
        ('images/train', 'labels/val'),
        ('images/train', 'train/labels'),
    ],
)
def test_places_that_are_not_found_are_refused_with_a_hint(tmp_path, images, labels) -> None:
    make(tmp_path, images, labels)
    with pytest.raises(DataError) as caught:
        build(tmp_path, images)
    message = str(caught.value)
    first = label_file(str(tmp_path / images / 'a.jpg'))
    assert f'none of its 4 images has a label file; looked for: {first}, ' in message
    assert f"There is '{tmp_path / labels}/a.txt': data_prefix=dict(img=..., labels=" in message
    prefix = dict(labels=labels)  # what the message says
    assert sum(build(tmp_path, images, data_prefix=prefix).category_counts().values()) == 4


def test_labels_of_another_case_or_ending_are_refused(tmp_path) -> None:
    make(tmp_path, 'images', 'labels')
    for file in (tmp_path / 'labels').iterdir():
        file.rename(file.with_suffix('.TXT'))
    with pytest.raises(DataError, match='none of its 4 images has a label file'):
        build(tmp_path, 'images')


def test_some_missing_are_counted_most_missing_are_a_warning(tmp_path) -> None:
    make(tmp_path, 'images', 'labels')
    (tmp_path / 'labels/a.txt').unlink()
    dataset = build(tmp_path, 'images')
    assert '1 of 4 images have no label file: without objects' in dataset.summary
    assert dataset.warnings == []
    for name in 'bc':
        (tmp_path / f'labels/{name}.txt').unlink()
    warned = build(tmp_path, 'images').warnings
    assert warned == ['3 of 4 images have no label file: without objects']


def test_the_place_with_most_files_counts(tmp_path) -> None:
    make(tmp_path, 'images', 'images')
    make(tmp_path, 'images', 'labels', names='a', text='')  # one left over
    assert sum(build(tmp_path, 'images').category_counts().values()) == 4
    # half are enough for the usual place, however many there are elsewhere
    make(tmp_path, 'images', 'labels', names='ab', text='')
    assert sum(build(tmp_path, 'images', test_mode=True).category_counts().values()) == 0


def test_a_label_file_of_two_images_is_a_warning(tmp_path) -> None:
    make(tmp_path, 'images/x', 'texts')
    make(tmp_path, 'images/y', 'texts', names='ab')
    (tmp_path / 'list.txt').write_text('images/x/a.jpg\nimages/y/a.jpg\nimages/x/c.jpg\n')
    prefix = dict(img='elsewhere', labels='texts')
    dataset = build(tmp_path, 'images', ann_file='list.txt', data_prefix=prefix)
    assert dataset.warnings == [
        f'1 label files belong to several images, such as {tmp_path}/texts/a.txt'
    ]
    # in the subfolder of the image there is one for each
    assert in_folder('/d/images/x/a.jpg', '/d/images', '/d/texts') == '/d/texts/x/a.txt'


def test_an_empty_file_is_a_file(tmp_path) -> None:
    make(tmp_path, 'images', 'labels', text='')
    images = [str(tmp_path / f'images/{name}.jpg') for name in 'abcd']
    assert find_label_files(images, '').missing.tolist() == [False] * 4


def test_polygons_in_a_set_of_boxes(tmp_path) -> None:
    make(tmp_path, 'images', 'labels', text=f'{ROW}0 0.25 0.5 0.75 0.5 0.5 1.0\n')
    dataset = build(tmp_path, 'images')
    # 0.25 to 0.75 of 40, 0.5 to 1 of 20
    assert dataset.get_ann_info(0)['bboxes'].tolist() == [[10, 5, 30, 15], [10, 10, 30, 20]]
    assert '4 objects are polygons: the box around each is taken' in dataset.summary


@pytest.mark.parametrize('keypoints', [0, 4, 51])
def test_rows_with_key_points(keypoints) -> None:
    row = ' '.join([ROW.strip(), *['0.1'] * keypoints])
    assert parse_row(row, 'x:1', keypoints) == (0, [0.25, 0.25, 0.75, 0.75], False)
    if keypoints == 51:
        with pytest.raises(DataError, match='class cx cy w h'):
            parse_row(row, 'x:1')
