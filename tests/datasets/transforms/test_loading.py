"""LoadImageFromFile, LoadAnnotations, FilterAnnotations."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets.encoded_image import open_image
from mmlite.datasets.transforms import (
    FilterAnnotations,
    ImageError,
    LoadAnnotations,
    LoadImageFromFile,
)
from mmlite.errors import ConfigError, DataError


def write(path: Path, img: np.ndarray, ending: str = '.png') -> str:
    path.write_bytes(cv2.imencode(ending, img)[1].tobytes())
    return str(path)


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize('name', ['filename', 'img_path'])
def test_load_sets_the_picture_and_its_shapes(tmp_path, name):
    path = write(tmp_path / 'Bild ä 图.png', picture())
    results = LoadImageFromFile()({name: path, 'img_id': 4})
    np.testing.assert_array_equal(results['img'], picture())  # PNG: BGR as it was
    for key in ('ori_shape', 'img_shape', 'pad_shape'):
        assert results[key] == (20, 30, 3)
    np.testing.assert_array_equal(results['scale_factor'], np.ones(4))
    assert results['scale_factor'].dtype == np.float32
    assert (results['flip'], results['flip_direction'], results['img_id']) == (False, None, 4)
    assert results['filename'] == results['img_path'] == path


def test_load_to_float32(tmp_path):
    img = LoadImageFromFile(to_float32=True)(dict(filename=write(tmp_path / 'a.png', picture())))
    assert img['img'].dtype == np.float32
    np.testing.assert_array_equal(img['img'], picture())


@pytest.mark.parametrize('shape', [(20, 30), (20, 30, 4)])
def test_grey_and_transparent_pictures_become_bgr(tmp_path, shape):
    path = write(tmp_path / 'a.png', np.full(shape, 9, np.uint8))
    assert LoadImageFromFile()(dict(filename=path))['img'].shape == (20, 30, 3)


def rotated_jpeg() -> bytes:
    """A JPEG of 30 x 20 whose EXIF orientation 6 says: turn it by 90 degrees."""
    tiff = b'II*\x00\x08\x00\x00\x00' + b'\x01\x00'  # little endian, one entry
    tiff += b'\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00' + bytes(4)  # 0x0112, short, 6
    exif = b'Exif\x00\x00' + tiff
    jpeg = cv2.imencode('.jpg', picture())[1].tobytes()
    return jpeg[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + jpeg[2:]


@pytest.mark.parametrize(
    ('color_type', 'shape'), [('color', (30, 20, 3)), ('color_ignore_orientation', (20, 30, 3))]
)
def test_exif_orientation(tmp_path, color_type, shape):
    (tmp_path / 'a.jpg').write_bytes(rotated_jpeg())
    load = LoadImageFromFile(color_type=color_type)
    assert load(dict(filename=str(tmp_path / 'a.jpg')))['img'].shape == shape


def jpeg() -> bytes:
    return cv2.imencode('.jpg', picture())[1].tobytes()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'empty'),
        (b'<html>404</html>', r"OpenCV cannot decode.*16 bytes that start with b'<html>40'"),
        (jpeg()[:-200], 'cut off after'),
        (rotated_jpeg()[:-200], 'cut off after'),
        (cv2.imencode('.png', picture())[1].tobytes()[:40], 'OpenCV cannot decode'),
    ],
)
def test_bad_files_are_named_with_the_reason(tmp_path, content, message):
    path = tmp_path / 'bad.jpg'
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        LoadImageFromFile()(dict(filename=str(path)))
    assert str(caught.value).startswith(str(path))
    assert isinstance(caught.value, DataError)


def test_bytes_after_the_end_of_a_jpeg_do_no_harm(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(jpeg() + bytes(100))
    assert LoadImageFromFile()(dict(filename=str(path)))['img'].shape == (20, 30, 3)


def test_a_thumbnail_s_end_marker_does_not_hide_that_the_rest_is_missing(tmp_path):
    path = tmp_path / 'a.jpg'
    thumbnail = b'\xff\xe1' + (len(jpeg()) + 2).to_bytes(2, 'big') + jpeg()
    path.write_bytes(jpeg()[:2] + thumbnail + jpeg()[2:])
    assert LoadImageFromFile()(dict(filename=str(path)))['img'].shape == (20, 30, 3)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageError, match='cut off'):
        LoadImageFromFile()(dict(filename=str(path)))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(ImageError, match=r'gone\.jpg: there is no such image'):
        LoadImageFromFile()(dict(filename=str(tmp_path / 'gone.jpg')))
    with pytest.raises(ImageError, match='cannot be read'):
        LoadImageFromFile()(dict(filename=str(tmp_path)))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(color_type='grayscale'), "color_type.*'color' or .*'grayscale'"),
        (dict(imdecode_backend='pillow'), "imdecode_backend: only 'cv2'.*'pillow'"),
        (dict(backend_args=dict(backend='petrel')), 'backend_args: only None'),
        (dict(cache='ram'), r"cache: one of \(None, 'encoded', 'decoded'\).*'ram'"),
        (dict(cache='decoded', reduced_decode=True), 'reduced_decode=True excludes'),
        (dict(to_float32=True, reduced_decode=True), 'reduced_decode=True excludes'),
    ],
)
def test_load_refuses(arguments, message):
    with pytest.raises(ConfigError, match=message):
        LoadImageFromFile(**arguments)


@pytest.mark.parametrize(('kind', 'decoded'), [('encoded', 2), ('decoded', 1), (None, 2)])
def test_a_cache_keeps_files_or_pictures(tmp_path, monkeypatch, kind, decoded):
    path = write(tmp_path / 'a.png', picture())
    load = LoadImageFromFile(cache=kind)
    calls = []
    imdecode = cv2.imdecode
    monkeypatch.setattr(cv2, 'imdecode', lambda *args: calls.append(args) or imdecode(*args))
    load(dict(filename=path))
    if kind:
        (tmp_path / 'a.png').unlink()
    np.testing.assert_array_equal(load(dict(filename=path))['img'], picture())
    assert len(calls) == decoded


def test_a_picture_in_the_cache_cannot_be_written_to(tmp_path):
    path = write(tmp_path / 'a.png', picture())
    load = LoadImageFromFile(cache='decoded')
    for _ in range(2):
        with pytest.raises(ValueError, match='read-only'):
            load(dict(filename=path))['img'][:] = 0


def test_cached_pictures_differ_by_the_size_they_were_annotated_at(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(rotated_jpeg())
    load = LoadImageFromFile(cache='decoded')
    shapes = [
        load(dict(filename=str(path), width=w, height=h))['img'].shape
        for w, h in ((30, 20), (20, 30))
    ]
    assert shapes == [(20, 30, 3), (30, 20, 3)]


@pytest.mark.parametrize(('reduction', 'shape'), [(1, (21, 30)), (2, (11, 15)), (8, (3, 4))])
def test_a_jpeg_is_decoded_at_a_fraction_of_its_size(tmp_path, reduction, shape):
    img = np.repeat(picture(), 3, 1)[:, :30]
    path = write(tmp_path / 'a.jpg', np.vstack([img, img[-1:]]), '.jpg')
    assert open_image(path).decode(reduction).shape == (*shape, 3)


def test_a_turned_jpeg_is_turned_at_a_fraction_too(tmp_path):
    (tmp_path / 'a.jpg').write_bytes(rotated_jpeg())
    image = open_image(str(tmp_path / 'a.jpg'))
    assert image.shape == (30, 20, 3) and image.decode(2).shape == (15, 10, 3)
    stored = open_image(str(tmp_path / 'a.jpg'), annotated_size=(30, 20))
    assert stored.shape == (20, 30, 3) and stored.decode(2).shape == (10, 15, 3)


def annotation() -> dict:
    return dict(
        bboxes=np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32),
        labels=np.array([2, 1]),
        bboxes_ignore=np.array([[0, 0, 9, 9]], np.float32),
        labels_ignore=np.array([1]),
    )


def test_annotations_are_copied():
    ann = annotation()
    results = LoadAnnotations()(dict(ann=ann))
    for key, source in (('gt_bboxes', 'bboxes'), ('gt_bboxes_ignore', 'bboxes_ignore')):
        np.testing.assert_array_equal(results[key], ann[source])
        assert results[key].dtype == np.float32
        assert not np.shares_memory(results[key], ann[source])
    np.testing.assert_array_equal(results['gt_labels'], [2, 1])
    assert results['gt_labels'].dtype == np.int64


def test_annotations_as_asked_for():
    assert 'gt_labels' not in LoadAnnotations(with_label=False)(dict(ann=annotation()))
    assert 'gt_bboxes' not in LoadAnnotations(with_bbox=False)(dict(ann=annotation()))


@pytest.mark.parametrize('ann', [None, dict(bboxes=[], labels=[])])
def test_no_annotations_give_empty_arrays(ann):
    results = LoadAnnotations(box_type=None)(dict(ann=ann))
    assert results['gt_bboxes'].shape == results['gt_bboxes_ignore'].shape == (0, 4)
    assert results['gt_labels'].shape == (0,)


@pytest.mark.parametrize(
    'arguments', [dict(with_mask=True), dict(with_seg=True), dict(box_type='rbox')]
)
def test_annotations_refuse(arguments):
    with pytest.raises(ConfigError, match=f'LoadAnnotations.{next(iter(arguments))}: only'):
        LoadAnnotations(**arguments)


def boxes_of_sizes(*sizes: tuple[float, float]) -> np.ndarray:
    return np.array([(10, 20, 10 + w, 20 + h) for w, h in sizes], np.float32).reshape(-1, 4)


def test_filter_drops_boxes_that_are_not_larger_in_both():
    results = FilterAnnotations(min_gt_bbox_wh=(2, 3))(
        dict(
            gt_bboxes=boxes_of_sizes((3, 4), (2, 9), (9, 3), (2.5, 3.5)),
            gt_labels=np.array([1, 2, 3, 4]),
            gt_bboxes_ignore=boxes_of_sizes((9, 1), (9, 9)),
        )
    )
    np.testing.assert_array_equal(results['gt_labels'], [1, 4])
    np.testing.assert_array_equal(results['gt_bboxes'], boxes_of_sizes((3, 4), (2.5, 3.5)))
    np.testing.assert_array_equal(results['gt_bboxes_ignore'], boxes_of_sizes((9, 9)))


def test_filter_that_leaves_nothing():
    sample = dict(gt_bboxes=boxes_of_sizes((1, 1)), gt_labels=np.array([1]))
    assert FilterAnnotations()(dict(sample)) is None
    assert FilterAnnotations(keep_empty=False)(dict(sample))['gt_bboxes'].shape == (0, 4)


def test_filter_of_a_picture_without_boxes():
    assert FilterAnnotations()(dict(gt_bboxes=boxes_of_sizes()))['gt_bboxes'].shape == (0, 4)


def test_boxes_drawn_on_the_stored_picture_keep_it_unturned(tmp_path):
    path = tmp_path / 'a.jpg'
    path.write_bytes(rotated_jpeg())  # 30 x 20 as stored
    load = LoadImageFromFile()
    shape = {
        size: load(dict(filename=str(path), width=size[0], height=size[1]))['img'].shape[:2]
        for size in ((30, 20), (20, 30), (0, 0), (7, 7))
    }
    assert shape == {(30, 20): (20, 30), (20, 30): (30, 20), (0, 0): (30, 20), (7, 7): (30, 20)}


def test_an_image_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    path = write(tmp_path / 'a.png', picture())
    monkeypatch.setenv('MMLITE_MAX_PIXELS', '599')
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it was decoded'))
    with pytest.raises(ImageError, match=r'a\.png: 30 x 20 is 600 pixels, and 599 are allowed'):
        LoadImageFromFile()(dict(filename=path))
