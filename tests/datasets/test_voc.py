from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets import DetDataset, MissingDataError, VOCDataset, image_files
from mmlite.datasets import base as base_module
from mmlite.datasets import voc_xml as voc_xml_module
from mmlite.datasets.voc_layout import read_image_ids
from mmlite.datasets.voc_xml import parse_xml
from mmlite.errors import ConfigError, DataError
from tests.runs import SHARED

SIZE = '<size><width>100</width><height>50</height><depth>3</depth></size>'


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))


def obj(name: str, box: tuple, extra: str = '<difficult>0</difficult>') -> str:
    corners = ''.join(
        f'<{key}>{value}</{key}>'
        for key, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), box, strict=True)
    )
    return f'<object><name>{name}</name>{extra}<bndbox>{corners}</bndbox></object>'


def xml(*objects: str, size: str = SIZE, filename: str = '') -> str:
    return f'<annotation><filename>{filename}</filename>{size}{"".join(objects)}</annotation>'


def write_voc(root: Path, files: dict[str, str], images: dict[str, tuple] | None = None) -> Path:
    """Writes XML texts by id, and black images of (w, h) by file name (default: ID.jpg, 100x50)."""
    images = {f'{i}.jpg': (100, 50) for i in files} if images is None else images
    for folder in ('Annotations', 'JPEGImages', 'ImageSets/Main'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for i, text in files.items():
        (root / 'Annotations' / f'{i}.xml').write_text(text, encoding='utf-8')
    for name, (width, height) in images.items():
        cv2.imwrite(str(root / 'JPEGImages' / name), np.zeros((height, width, 3), np.uint8))
    (root / 'ImageSets/Main/all.txt').write_text('\n'.join(files) + '\n')
    return root


def voc(root: Path, classes: object = 'auto', **kwargs) -> VOCDataset:
    kwargs = dict(ann_file='ImageSets/Main/all.txt', metainfo=dict(classes=classes)) | kwargs
    return VOCDataset(data_root=str(root), **kwargs)


def parse(tmp_path: Path, text: str) -> voc_xml_module.XmlFile:
    path = tmp_path / 'x.xml'
    path.write_text(text, encoding='utf-8')
    return parse_xml(str(path))


def test_corners_as_written(tmp_path) -> None:
    parsed = parse(tmp_path, xml(obj('cat', (1, 2, 30, 40)), obj('dog', ('5.9', '6.0', '7.5', 8))))
    assert parsed.corners == [[1, 2, 30, 40], [5.9, 6, 7.5, 8]]
    assert parsed.names == ['cat', 'dog']
    assert parsed.size == (100, 50)


def test_bndbox_in_any_order_and_other_boxes_beside_it(tmp_path) -> None:
    shuffled = (
        '<object><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>'
        '<ymax>9</ymax></bndbox></part><bndbox><ymax>40</ymax><xmin> 10\n</xmin><xmax>30</xmax>'
        '<ymin>20</ymin></bndbox><name> person\n</name></object>'
    )
    parsed = parse(tmp_path, xml(shuffled))
    assert parsed.corners == [[10, 20, 30, 40]]
    assert parsed.names == ['person']
    assert parsed.difficult == [False]  # the element is missing


@given(st.sampled_from(['0', '1', '', ' 1 ', None]))
def test_difficult(tmp_path_factory, text: str | None) -> None:
    extra = '' if text is None else f'<difficult>{text}</difficult>'
    parsed = parse(tmp_path_factory.mktemp('xml'), xml(obj('cat', (1, 2, 3, 4), extra)))
    assert parsed.difficult == [text in ('1', ' 1 ')]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('<annotation>\n<object>\n</annotation>', r'x\.xml:3: not well-formed XML: mismatched tag'),
        ('', r'x\.xml:1: not well-formed'),
        (xml(obj('cat', (1, 2, 'x', 4))), r"x\.xml: object 1 .*'cat'.*'x'"),
        (xml(obj('cat', (1, 2, 'nan', 4))), 'object 1'),
        (xml(obj('cat', (1, 2, 'inf', 4))), 'object 1'),
        (xml(obj('cat', (1, 2, 3, 4)), obj(' ', (1, 2, 3, 4))), "object 2 .*name ''"),
        (xml('<object><name>cat</name></object>'), 'object 1 .*None'),
        (xml(obj('cat', (1, 2, 3, 4), '<difficult>x</difficult>')), "difficult 'x'"),
        ('<html></html>', 'root element is <html>'),
        (
            '<!DOCTYPE a [<!ENTITY x "y">]><annotation><filename>&x;</filename></annotation>',
            'EntitiesForbidden',
        ),
    ],
)
def test_bad_xml_is_refused_by_name(tmp_path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse(tmp_path, text)


@pytest.mark.parametrize(
    ('text', 'ids'),
    [
        ('a\nb\n', ['a', 'b']),
        ('\ufeffa\r\n\r\n  b  \r\n', ['a', 'b']),
        ('a  1\nb -1\nc  0\n', ['a', 'c']),
        ('photo 1\nphoto 7\n', ['photo 1', 'photo 7']),  # a name with a blank, no flag
        ('a.jpg\nb.XML\nc.v2\nsub\\d.PNG\n', ['a', 'b', 'c.v2', 'sub/d']),
        ('', []),
    ],
)
def test_read_image_ids(tmp_path, text: str, ids: list[str]) -> None:
    (tmp_path / 'list.txt').write_bytes(text.encode())
    assert read_image_ids(str(tmp_path / 'list.txt')) == ids


def test_classes_of_the_config_number_the_labels_and_others_are_counted(
    tmp_path, monkeypatch
) -> None:
    lines = []
    monkeypatch.setattr(base_module, 'print_log', lambda text, **_: lines.append(text))
    objects = [obj(name, (1, 1, 9, 9)) for name in ('dog', 'cow', 'cat', 'cow', 'hen')]
    dataset = voc(write_voc(tmp_path, dict(a=xml(*objects))), ('cat', 'dog'))
    assert dataset.get_ann_info(0)['labels'].tolist() == [2, 1]
    assert '3 objects of other classes left out (cow 2, hen 1)' in lines[0]


def test_the_20_classes_are_the_default(tmp_path) -> None:
    root = write_voc(tmp_path / 'VOC2007', dict(a=xml(obj('tvmonitor', (1, 1, 9, 9)))))
    dataset = VOCDataset(
        'VOC2007/ImageSets/Main/all.txt',
        data_root=str(root.parent),
        data_prefix=dict(sub_data_root='VOC2007/'),
    )
    assert dataset.get_ann_info(0)['labels'].tolist() == [20]
    assert dataset.metainfo['dataset_type'] == 'VOC2007'
    assert dataset.filename(0) == str(root / 'JPEGImages' / 'a.jpg')
    with pytest.raises(ConfigError, match=r"'Tvmonitor'.*'tvmonitor'"):
        voc(root, ('Tvmonitor', 'cat'))


def test_classes_found_are_those_of_the_whole_folder(tmp_path) -> None:
    files = dict(a=xml(obj('dog', (1, 1, 9, 9))), b=xml(obj('cat', (1, 1, 9, 9))))
    root = write_voc(tmp_path, files)
    (root / 'ImageSets/Main/val.txt').write_text('a')
    dataset = voc(root, ann_file='ImageSets/Main/val.txt')
    assert dataset.classes == ('cat', 'dog')  # as in train.txt, which has cats
    assert dataset.get_ann_info(0)['labels'].tolist() == [2]


def test_without_a_list_every_xml_counts(tmp_path) -> None:
    root = write_voc(tmp_path, {i: xml(obj('cat', (1, 1, 9, 9))) for i in 'cab'})
    dataset = voc(root, ann_file='')
    assert [Path(dataset.filename(i)).stem for i in range(3)] == ['a', 'b', 'c']


def test_images_of_any_ending(tmp_path) -> None:
    cat = obj('cat', (1, 1, 9, 9))
    files = {i: xml(cat) for i in 'abc'} | {
        'd': xml(cat, filename='d.webp'),
        'e.v2': xml(cat, filename='e.v2.png'),
    }
    images = ['a.jpg', 'a.png', 'b.PNG', 'c.bmp', 'd.png', 'd.webp', 'e.v2.png']
    root = write_voc(tmp_path, files, {name: (100, 50) for name in images})
    dataset = voc(root)
    names = [Path(dataset.filename(i)).name for i in range(5)]
    assert names == ['a.jpg', 'b.PNG', 'c.bmp', 'd.webp', 'e.v2.png']


def test_images_folder_and_subfolders(tmp_path) -> None:
    root = write_voc(tmp_path, dict(a=xml(obj('cat', (1, 1, 9, 9)))), {})
    (root / 'JPEGImages').rename(root / 'images')
    for folder in ('Annotations', 'images'):
        (root / folder / 'day').mkdir()
    (root / 'Annotations' / 'a.xml').rename(root / 'Annotations' / 'day' / 'a.xml')
    cv2.imwrite(str(root / 'images' / 'day' / 'a.png'), np.zeros((50, 100, 3), np.uint8))
    (root / 'ImageSets/Main/all.txt').write_text('day/a.png')
    assert voc(root, ('cat',)).filename(0) == str(root / 'images' / 'day' / 'a.png')


@pytest.mark.parametrize(
    'size',
    [
        '',
        '<size/>',
        '<size><width>0</width><height>0</height></size>',
        '<size><width>?</width><height>50</height></size>',
        '<size><width>50</width><height>100</height></size>',  # swapped: the box sticks out
    ],
)
def test_a_missing_or_wrong_size_is_read_from_the_image(tmp_path, size: str) -> None:
    files = dict(a=xml(obj('cat', (1, 1, 90, 9)), size=size), b=xml(obj('cat', (1, 1, 9, 9))))
    info = voc(write_voc(tmp_path, files)).get_data_info(0)
    assert (info['width'], info['height']) == (100, 50)


def test_sizes_are_read_once_and_again_when_the_image_changes(tmp_path, monkeypatch) -> None:
    root = write_voc(tmp_path, dict(a=xml(obj('cat', (1, 1, 9, 9)), size='')))
    reads = []
    read_size = image_files.read_size
    monkeypatch.setattr(image_files, 'read_size', lambda p: reads.append(p) or read_size(p))
    for _ in range(2):
        voc(root)
    assert len(reads) == 1
    cv2.imwrite(str(root / 'JPEGImages' / 'a.jpg'), np.zeros((70, 60, 3), np.uint8))
    assert voc(root).get_data_info(0)['height'] == 70


def test_a_size_that_nobody_knows_is_0(tmp_path) -> None:
    cat = obj('cat', (1, 1, 9, 9))
    root = write_voc(tmp_path, dict(a=xml(cat, size=''), b=xml(cat)))
    (root / 'JPEGImages' / 'a.jpg').write_bytes(b'broken')
    info = voc(root, max_bad=0.5).get_data_info(0)
    assert (info['width'], info['height']) == (0, 0)
    assert info['ann']['bboxes'].tolist() == [[0, 0, 8, 8]]


def test_a_second_start_parses_nothing_until_a_file_changes(tmp_path, monkeypatch) -> None:
    parsed = []
    monkeypatch.setattr(voc_xml_module, 'parse_xml', lambda p: parsed.append(p) or parse_xml(p))
    root = write_voc(tmp_path, {i: xml(obj('cat', (1, 1, 9, 9))) for i in 'ab'})
    first = voc(root, ('cat',))
    assert len(parsed) == 2
    second = voc(root, ('cat', 'dog'))  # the cache does not depend on the classes asked for
    assert len(parsed) == 2
    assert second.filename(1) == first.filename(1)
    assert second.get_ann_info(1)['bboxes'].tolist() == [[0, 0, 8, 8]]
    annotation = root / 'Annotations' / 'b.xml'
    annotation.write_text(xml(obj('cat', (1, 1, 7, 7))))  # as long as before: only its time differs
    os.utime(annotation, ns=(0, 12345))
    third = voc(root, ('cat',))
    assert third.get_ann_info(1)['bboxes'].tolist() == [[0, 0, 6, 6]]
    assert len(parsed) == 4
    (root / 'ImageSets/Main/all.txt').write_text('b\n')
    assert len(voc(root, ('cat',))) == 1


def test_missing_annotations_and_images(tmp_path, monkeypatch) -> None:
    lines = []
    monkeypatch.setattr(base_module, 'print_log', lambda text, **_: lines.append(text))
    cat = xml(obj('cat', (1, 1, 9, 9)))
    root = write_voc(tmp_path, dict(a=cat, b=cat), {'a.jpg': (100, 50)})
    dataset = voc(root)
    assert dataset.filename(1) == str(root / 'JPEGImages' / 'b.jpg')  # an error when it is read
    assert '1 images are not there' in lines[0]
    (root / 'JPEGImages' / 'a.jpg').unlink()
    with pytest.raises(DataError, match=r"none of its 2 images.*'a\.jpg'"):
        voc(root)
    cv2.imwrite(str(root / 'JPEGImages' / 'a.jpg'), np.zeros((50, 100, 3), np.uint8))
    (root / 'ImageSets/Main/all.txt').write_text('a\nx\ny\n')
    with pytest.raises(
        DataError, match=r'2 of 3 images cannot be used.*x\.xml: there is no such.*y\.xml'
    ):
        voc(root)
    (root / 'ImageSets/Main/all.txt').write_text('\n')
    with pytest.raises(DataError, match='names no image'):
        voc(root)


def test_missing_folders(tmp_path) -> None:
    root = write_voc(tmp_path / 'VOC2007', dict(a=xml(obj('cat', (1, 1, 9, 9)))))
    with pytest.raises(MissingDataError) as error:
        voc(root.parent / 'VOC20007')
    for part in ('VOC20007', 'Its folder holds VOC2007', "'VOC2007'?"):
        assert part in str(error.value)
    assert 'To get VOC' not in str(error.value)  # these are not VOC's classes
    with pytest.raises(MissingDataError, match=r'To get VOC .*VOCtrainval_06-Nov-2007'):
        voc(root.parent / 'VOC20007', VOCDataset.METAINFO['classes'])
    with pytest.raises(MissingDataError, match=r"al\.txt.*'all\.txt'\?"):
        voc(root, ann_file='ImageSets/Main/al.txt')
    (root / 'Annotations').rename(root / 'Annotation')
    with pytest.raises(MissingDataError, match=r"'Annotation'\?"):
        voc(root)
    with pytest.raises(ConfigError, match=r"no key 'sub_data_rot'.*'sub_data_root'"):
        voc(root, data_prefix=dict(sub_data_rot='x'))


def test_folders_of_other_names_and_levels(tmp_path) -> None:
    root = write_voc(tmp_path / 'a' / 'own', dict(a=xml(obj('cat', (1, 1, 9, 9)))))
    for folder, text in (
        (root.parent, "One level lower there is 'own/Annotations': --data-root with /own added"),
        (root / 'JPEGImages', "One level higher there is 'Annotations': --data-root without the"),
    ):
        with pytest.raises(MissingDataError) as error:
            voc(folder)
        assert text in str(error.value)
    (root / 'Annotations').rename(root / 'labels')
    (root / 'JPEGImages').rename(root / 'photos')
    shutil.rmtree(root / 'ImageSets')
    with pytest.raises(MissingDataError) as error:
        voc(root)
    keys = "ann_subdir='labels', img_subdir='photos', and without lists ann_file=''; python -m"
    assert keys in str(error.value)


@pytest.mark.parametrize(
    ('names', 'test_mode', 'warns'),
    [(('cat', 'dog'), False, True), (('cat', 'dog'), True, False), (('cat',), False, False)],
)
def test_a_class_without_objects_beside_objects_left_out(
    tmp_path, names: tuple, test_mode: bool, warns: bool
) -> None:
    objects = ''.join(obj(name, (1, 1, 9, 9)) for name in names)
    root = write_voc(tmp_path, dict(a=xml(objects)))
    dataset = voc(root, ('cat', 'dgo'), test_mode=test_mode)
    expected = ["no boxes of dgo. 'dgo': Did you mean 'dog'?"] if warns else []
    assert dataset.warnings == expected
    assert 'no boxes of dgo' in dataset.summary


def test_an_image_without_objects(tmp_path) -> None:
    dataset = voc(write_voc(tmp_path, dict(a=xml())), ('cat',))
    assert dataset.get_ann_info(0)['bboxes'].shape == (0, 4)
    with pytest.raises(DataError, match='no objects to find the classes in'):
        voc(tmp_path)


def test_constructor_takes_what_the_base_class_takes() -> None:
    """VOCDataset hands them on, and its signature has them for the check of a config."""
    import inspect

    base, own = (inspect.signature(cls).parameters for cls in (DetDataset, VOCDataset))
    mine = {'img_subdir', 'ann_subdir', 'coordinates', 'missing_annotation'}
    assert set(own) - mine == set(base)
    assert all(own[name].default == base[name].default for name in base)


@pytest.mark.skipif(
    not (SHARED / 'golden/chain_bccd.npz').exists(), reason=f'{SHARED}/golden is not there'
)
def test_bccd_agrees_with_mmdet() -> None:
    """Source of the numbers: mmdet 3.3.0's VOCDataset (golden/chain_bccd)."""
    facts = json.loads((SHARED / 'golden/chain_bccd.json').read_text())
    truth = np.load(SHARED / 'golden/chain_bccd.npz')['gt']
    dataset = VOCDataset(
        'ImageSets/Main/test.txt',
        metainfo=dict(classes=facts['classes']),
        data_root=str(SHARED / 'data/bccd'),
        data_prefix=dict(sub_data_root=''),
        test_mode=True,
    )
    assert [Path(dataset.filename(i)).name for i in range(len(dataset))] == facts['files']
    for i, size in enumerate(facts['sizes_wh']):
        info, ann = dataset.get_data_info(i), dataset.get_ann_info(i)
        rows = truth[truth[:, 0] == i]
        ignored = rows[:, 6] > 0
        assert [info['width'], info['height']] == size
        np.testing.assert_array_equal(ann['bboxes'], rows[~ignored, 2:6])
        np.testing.assert_array_equal(ann['labels'], rows[~ignored, 1] + 1)
        np.testing.assert_array_equal(ann['bboxes_ignore'], rows[ignored, 2:6])
        np.testing.assert_array_equal(ann['labels_ignore'], rows[ignored, 1] + 1)


def test_a_line_that_is_the_name_of_an_xml_file_is_taken_as_it_is(tmp_path) -> None:
    (tmp_path / 'list.txt').write_text('a.jpg\nb.jpg\n')
    assert read_image_ids(str(tmp_path / 'list.txt'), {'a.jpg', 'b'}) == ['a.jpg', 'b']
    (tmp_path / 'list.txt').write_text('photo -1\nphoto 1\n')
    names = {'photo -1', 'photo 1'}
    assert read_image_ids(str(tmp_path / 'list.txt'), names) == ['photo -1', 'photo 1']


def test_a_copied_xml_file_does_not_take_the_image_of_another(tmp_path) -> None:
    copied = xml(obj('cat', (1, 1, 9, 9)), filename='a.jpg')
    write_voc(tmp_path, dict(a=copied, b=copied), {'a.jpg': (100, 50)})
    dataset = voc(tmp_path, test_mode=True)
    assert [os.path.basename(dataset.filename(i)) for i in range(2)] == ['a.jpg', 'b.jpg']
    assert '1 images are not there' in dataset.notes


def test_xml_files_in_subfolders_beside_others_are_counted(tmp_path) -> None:
    write_voc(tmp_path, dict(a=xml(obj('cat', (1, 1, 9, 9)))))
    (tmp_path / 'Annotations/more').mkdir()
    (tmp_path / 'Annotations/more/b.xml').write_text(xml(obj('cat', (1, 1, 9, 9))))
    (tmp_path / 'Annotations/._a.xml').write_bytes(b'\0')  # of macOS, no annotation
    dataset = voc(tmp_path, ann_file='')
    assert len(dataset) == 1
    assert any('1 XML files in subfolders' in note for note in dataset.notes)
