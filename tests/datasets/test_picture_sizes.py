"""Width and height of annotations against those of the pictures."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmlite.datasets import CocoDataset, CsvDataset, VOCDataset, picture_sizes
from mmlite.datasets.image_files import Heads
from mmlite.datasets.picture_sizes import compared_sizes, loaded_sizes, report_other_size
from tests.datasets.toy import toy_coco

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
ROTATED = 6  # EXIF: a quarter turn


def sizes(*rows: tuple[int, int]) -> np.ndarray:
    return np.array(rows, np.int32)


def test_what_is_said_about_sizes() -> None:
    annotated = sizes((40, 30), (30, 40), (80, 60), (40, 20), (0, 0), (40, 30))
    loaded = sizes((40, 30), (40, 30), (40, 30), (40, 30), (40, 30), (0, 0))
    found, text = compared_sizes(annotated, loaded, list('abcdef'))
    # the picture's counts where it is known
    assert found.tolist() == [[40, 30]] * 6
    assert text == (
        "3 images have another width and height than their annotation says, and the picture's "
        'count (1 have the two swapped, 1 have a picture that was scaled: were the boxes scaled '
        'too?, 1 have another shape); the first is b: 40 x 30 pixels, annotated as 30 x 40'
    )
    assert compared_sizes(loaded, loaded, list('abcdef'))[1] == ''


@pytest.mark.parametrize(
    ('annotated', 'loaded'),
    [((1000, 667), (500, 333)), ((333, 500), (667, 1000)), ((101, 51), (303, 153))],
)
def test_a_scaled_picture_is_not_one_of_another_shape(annotated, loaded) -> None:
    assert 'that was scaled' in compared_sizes(sizes(annotated), sizes(loaded), ['a'])[1]
    other = sizes((loaded[0], loaded[1] + 20))
    assert 'another shape' in compared_sizes(sizes(annotated), other, ['a'])[1]


def test_exif_counts_as_the_loader_has_it() -> None:
    heads = Heads({}, sizes((40, 30), (40, 30), (40, 30)), np.array([True, True, False]))
    annotated = sizes((30, 40), (40, 30), (40, 30))  # on the turned picture, on the stored one
    assert loaded_sizes(heads, annotated, False).tolist() == [[30, 40], [40, 30], [40, 30]]
    assert loaded_sizes(heads, annotated, True).tolist() == [[40, 30]] * 3


def coco(folder: Path, pictures: list, written: list, **arguments) -> CocoDataset:
    """Each picture (w, h) with an annotated size and a box from 5, 5 to 35, 25."""
    box = dict(bbox=[5, 5, 30, 20], area=600)
    return toy_coco(folder, written, box, pictures=pictures, **{'pipeline': LOAD, **arguments})


@pytest.mark.parametrize('test_mode', [False, True])
def test_swapped_sides_cut_no_box(tmp_path: Path, test_mode: bool) -> None:
    # in 28 x 40 the box would end at x = 28
    dataset = coco(tmp_path, [(40, 28)] * 2, [(28, 40), (40, 28)], test_mode=test_mode)
    assert [dataset.get_data_info(0)[key] for key in ('width', 'height')] == [40, 28]
    assert dataset[0]['gt_bboxes'].tolist() == [[5, 5, 35, 25]]
    (warning,) = dataset.warnings
    assert warning.startswith('1 images have another width') and '1 have the two swapped' in warning


def test_a_box_outside_the_annotated_size_only_is_kept(tmp_path: Path) -> None:
    dataset = coco(tmp_path, [(40, 28)], [(4, 4)])
    assert dataset[0]['gt_bboxes'].tolist() == [[5, 5, 35, 25]]


def test_scaled_pictures_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        dataset = coco(tmp_path, [(20, 14)], [(40, 28)])
    assert '1 have a picture that was scaled' in dataset.summary
    assert dataset[0]['gt_bboxes'].tolist() == [[5, 5, 20, 14]]  # clipped to the picture


def test_the_picture_gives_a_size_that_is_not_written(tmp_path: Path) -> None:
    dataset = coco(tmp_path, [(40, 28)], [(0, 0)])
    assert dataset.get_data_info(0)['width'] == 40 and dataset.warnings == []


def test_a_stored_picture_that_exif_would_turn(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    dataset = coco(tmp_path, [(40, 28)] * 2, [(28, 40), (40, 28)])
    for i in range(2):
        Image.new('RGB', (40, 28)).save(tmp_path / f'{i}.jpg', exif=exif)
    text = (tmp_path / 'a.json').read_text().replace('.png', '.jpg')
    (tmp_path / 'a.json').write_text(text)
    names = dict(ann_file='a.json', data_root=str(tmp_path), metainfo=dict(classes=('cat',)))
    dataset = CocoDataset(**names, pipeline=LOAD)
    assert dataset.warnings == []  # each is loaded as its boxes were drawn
    assert [dataset[i]['img'].shape[:2] for i in range(2)] == [(40, 28), (28, 40)]
    never = [dict(type='LoadImageFromFile', color_type='color_ignore_orientation'), LOAD[1]]
    (warning,) = CocoDataset(**names, pipeline=never).warnings
    assert '1 have the two swapped' in warning and '0.jpg: 40 x 28 pixels' in warning


def test_sizes_of_a_table(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((28, 40, 3), np.uint8))
    header = 'filename,width,height,xmin,ymin,xmax,ymax,class\n'
    (tmp_path / 'a.csv').write_text(header + 'a.png,28,40,5,5,35,25,cat\n')
    dataset = CsvDataset(ann_file='a.csv', data_root=str(tmp_path), pipeline=LOAD)
    assert dataset[0]['gt_bboxes'].tolist() == [[5, 5, 35, 25]]
    assert 'swapped' in dataset.warnings[0]


def test_sizes_in_xml(tmp_path: Path) -> None:
    for name in ('JPEGImages', 'Annotations'):
        (tmp_path / name).mkdir()
    cv2.imwrite(str(tmp_path / 'JPEGImages/a.jpg'), np.zeros((28, 40, 3), np.uint8))
    box = '<xmin>6</xmin><ymin>6</ymin><xmax>26</xmax><ymax>26</ymax>'
    (tmp_path / 'Annotations/a.xml').write_text(
        '<annotation><size><width>28</width><height>40</height></size>'
        f'<object><name>cat</name><bndbox>{box}</bndbox></object></annotation>'
    )
    names = dict(data_root=str(tmp_path), metainfo=dict(classes=('cat',)))
    assert 'swapped' in VOCDataset(**names, pipeline=LOAD).warnings[0]
    # without a picture to load nothing is in doubt, as the box lies inside either way
    assert VOCDataset(**names).warnings == []


def test_a_decoded_picture_of_another_size_is_said_once(monkeypatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(picture_sizes, 'print_log', lambda text, **_: lines.append(text))
    monkeypatch.setattr(picture_sizes, '_reported', set())
    for name, width in (('a.hdr', 40), ('b.hdr', 20), ('c.hdr', 10), ('d.hdr', 0)):
        report_other_size(dict(filename=f'x/{name}', width=width, height=28), (28, 40, 3))
    report_other_size(dict(filename='y/e.hdr'), (28, 40, 3))
    assert len(lines) == 1
    assert lines[0].startswith('x/b.hdr: the picture is 40 x 28, and its record says 20 x 28')


def test_a_file_that_changed_since_the_start_is_said(tmp_path: Path, monkeypatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(picture_sizes, 'print_log', lambda text, **_: lines.append(text))
    dataset = coco(tmp_path, [(40, 28)], [(40, 28)])
    assert dataset[0] and lines == []
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((14, 20, 3), np.uint8))
    assert dataset[0] and len(lines) == 1
