"""YoloDataset: its layout, what the numbers mean, and rows that are wrong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmlite.datasets import MissingDataError, YoloDataset
from mmlite.datasets.yolo_labels import label_file, parse_row
from mmlite.errors import DataError


@pytest.fixture
def root(tmp_path):
    """Two images of 40 x 20 for training, one for validation; cat is 0, dog 1."""
    for name in ('train/a', 'train/b', 'val/c'):
        image = tmp_path / f'images/{name}.jpg'
        image.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(image), np.zeros((20, 40, 3), np.uint8))
    (tmp_path / 'labels/train').mkdir(parents=True)
    (tmp_path / 'labels/train/a.txt').write_text('0 0.5 0.5 0.5 0.5\n\n1 0.25 0.5 0.25 1.0\n')
    (tmp_path / 'data.yaml').write_text('names: {0: cat, 1: dog}\n')
    return tmp_path


def build(root, **changes) -> YoloDataset:
    args = dict(data_root=str(root), data_prefix=dict(img='images/train'), test_mode=True)
    return YoloDataset(**{**args, **changes})


def test_boxes_in_pixels(root):
    dataset = build(root)
    assert dataset.classes == ('cat', 'dog')
    info = dataset.get_ann_info(0)
    # 20 x 10 around (20, 10); 10 x 20 around (10, 10)
    assert info['bboxes'].tolist() == [[10, 5, 30, 15], [5, 0, 15, 20]]
    assert info['labels'].tolist() == [1, 2]
    # b has no text file
    assert len(dataset) == 2 and dataset.get_ann_info(1)['bboxes'].shape == (0, 4)
    assert dataset.get_data_info(1)['width'] == 40


def test_classes_are_chosen_by_name(root):
    dataset = build(root, metainfo=dict(classes=('dog',)))
    assert dataset.get_ann_info(0)['labels'].tolist() == [1]
    assert '1 objects of other classes left out' in dataset.summary


def test_a_list_of_images(root):
    (root / 'val.txt').write_text('./images/val/c.jpg\nimages/train/a.jpg\n')
    dataset = build(root, ann_file='val.txt')
    assert [dataset.filename(i)[-5:] for i in range(2)] == ['c.jpg', 'a.jpg']
    assert len(dataset.get_ann_info(1)['labels']) == 2


@pytest.mark.parametrize('text', ['names: [cat, dog]', 'nc: 2\nnames:\n  0: cat\n  1: dog\n'])
def test_names_in_both_forms(root, text):
    (root / 'data.yaml').write_text(text)
    assert build(root).classes == ('cat', 'dog')


def test_names_from_classes_txt_or_the_config(root):
    (root / 'data.yaml').unlink()
    with pytest.raises(DataError, match='what do the class numbers mean'):
        build(root)
    by_config = build(root, metainfo=dict(classes=('owl', 'fox')))
    assert by_config.get_ann_info(0)['labels'].tolist() == [1, 2]
    (root / 'classes.txt').write_text('cow\nhen\n')
    assert build(root).classes == ('cow', 'hen')


@pytest.mark.parametrize(
    ('row', 'expected'),
    [
        ('2 0.5 0.5 1 1', (2, [0, 0, 1, 1])),
        ('0 0.1 0.2 0.5 0.3 0.4 0.9', (0, [0.1, 0.2, 0.5, 0.9])),  # a triangle
        ('1.0 0.5 0.5 0.2 0.4', (1, [0.4, 0.3, 0.6, 0.7])),
    ],
)
def test_rows(row, expected):
    number, box, _ = parse_row(row, 'a.txt:1')
    assert number == expected[0] and box == pytest.approx(expected[1])


@pytest.mark.parametrize(
    'row',
    [
        'cat 0.5 0.5 0.2 0.2', '0 0.5 0.5 0.2', '0 0.5 0.5 0.2 0.2 0.9', '0 120 80 40 30',
        '0 0.5 nan 0.2 0.2', '-1 0.5 0.5 0.2 0.2', '0',
    ],
)  # fmt: skip
def test_wrong_rows_are_named_with_their_line(root, row):
    (root / 'labels/train/a.txt').write_text(f'0 0.5 0.5 0.2 0.2\n{row}\n')
    with pytest.raises(DataError, match=r"a\.txt:2: 'class cx cy w h'"):
        build(root, test_mode=False)


def test_a_number_without_a_name(root):
    (root / 'labels/train/a.txt').write_text('0 0.5 0.5 0.2 0.2\n2 0.5 0.5 0.2 0.2\n')
    with pytest.raises(DataError, match=r'a\.txt:2: class 2, but there are 2 names, from 0 to 1'):
        build(root)


def test_missing_and_empty_folders(root):
    with pytest.raises(MissingDataError, match=r"images.tran'.*'train'"):
        build(root, data_prefix=dict(img='images/tran'))
    (root / 'images/none').mkdir()
    with pytest.raises(DataError, match='no image in the folder'):
        build(root, data_prefix=dict(img='images/none'))
    (root / 'data.yaml').write_text('names: cat')
    with pytest.raises(DataError, match="'names' is a list of class names"):
        build(root)


def test_where_the_text_file_of_an_image_is():
    assert label_file('/images/set/images/train/a.jpg') == '/images/set/labels/train/a.txt'
    assert label_file('/flat/a.png') == '/flat/a.txt'


def test_images_without_a_label_file_are_counted(root):
    assert '1 of 2 images have no label file: without objects' in build(root).summary
    (root / 'labels/train/b.txt').write_text('')
    assert 'no label file' not in build(root).summary


@pytest.mark.parametrize(
    ('images', 'labels', 'looked'),
    [
        ('images', 'annotations', 'labels/a.txt'),
        ('imgs/train', 'texts/train', 'imgs/train/a.txt'),
        ('images', 'a/b/c', 'labels/a.txt'),
    ],
)
def test_label_files_elsewhere_are_no_background(tmp_path, images, labels, looked):
    for folder in (images, labels):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name in 'abcd':
        cv2.imwrite(str(tmp_path / images / f'{name}.jpg'), np.zeros((20, 40, 3), np.uint8))
        (tmp_path / labels / f'{name}.txt').write_text('0 0.5 0.5 0.5 0.5\n')
    args = dict(data_prefix=dict(img=images), metainfo=dict(classes=('cat',)))
    with pytest.raises(
        DataError, match=r'none of its 4 images has a label file; looked for: '
    ) as e:
        build(tmp_path, test_mode=False, **args)
    assert f'{tmp_path / looked}, ' in str(e.value) and "'labels' takes the place" in str(e.value)
    tested = build(tmp_path, **args)  # pictures to predict may have none
    assert tested.warnings[0].startswith('none of its 4 images has a label file; looked for')
    # one empty file says that backgrounds are meant
    target = tmp_path / looked
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text('')
    backgrounds = build(tmp_path, test_mode=False, **args)
    assert '3 of 4 images have no label file' in backgrounds.summary
    assert backgrounds.warnings[-1] == 'no object is left to train on'


def test_a_class_with_a_fraction_is_no_class():
    with pytest.raises(DataError, match='class cx cy w h'):
        parse_row('1.5 0.5 0.5 0.2 0.4', 'a.txt:1')


def test_files_that_macos_writes_beside_images_are_none(root):
    (root / 'images/train/._a.jpg').write_bytes(b'Mac OS X')
    assert len(build(root)) == 2
