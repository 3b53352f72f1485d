"""Folders in each layout: which parts are found, and that their data sets read them."""

from __future__ import annotations

import pytest

from mmlite.datasets import build_dataset
from mmlite.errors import ConfigError, DataError
from mmlite.tools.init.recognise import open_folder, recognise
from tests.tools.init.folders import coco, picture, pictures, table, voc, yolo

NAMES = ['a', 'b', 'c', 'd']


def found(folder, only=''):
    """The layout, and the images of each part as its data set reads them."""
    source = open_folder(folder)
    layout = recognise(source, 'mmlite convert_dataset', only)
    counts = {}
    for part, args in layout.parts.items():
        metainfo = args.get('metainfo', dict(classes='auto'))
        args = {**args, 'data_root': str(source.path), 'metainfo': metainfo, 'test_mode': True}
        dataset = build_dataset(args)
        assert not dataset.bad_items
        counts[part] = (len(dataset), dataset.num_objects())
    return layout, counts


def lists(folder, **names):
    folder.mkdir(parents=True, exist_ok=True)
    for name, ids in names.items():
        (folder / f'{name}.txt').write_text('\n'.join(ids) + '\n')


@pytest.mark.parametrize(
    ('xml_dir', 'img_dir'),
    [
        ('Annotations', 'JPEGImages'),
        ('annotations', 'images'),
        ('.', '.'),
        ('set/xml', 'set/photos'),
    ],
)
def test_voc_without_lists(tmp_path, xml_dir, img_dir):
    voc(tmp_path / xml_dir, tmp_path / img_dir, NAMES, ['cat', 'dog'])
    layout, counts = found(tmp_path)
    assert (layout.name, counts) == ('voc', dict(all=(4, 4)))


def test_voc_lists(tmp_path):
    voc(tmp_path / 'Annotations', tmp_path / 'JPEGImages', NAMES, ['cat'])
    main = tmp_path / 'ImageSets/Main'
    lists(main, train=['a', 'b'], val=['c'], trainval=['a', 'b', 'c'], test=['d'], cat_train=['a'])
    assert found(tmp_path)[1] == dict(train=(2, 2), val=(1, 1), test=(1, 1))
    (main / 'val.txt').unlink()
    (main / 'train.txt').unlink()
    assert found(tmp_path)[1] == dict(train=(3, 3), test=(1, 1))
    (main / 'test.txt').unlink()
    assert found(tmp_path)[1] == dict(all=(3, 3))


def test_voc_of_roboflow_and_in_a_tree(tmp_path):
    for part, names in (('train', ['a', 'b']), ('valid', ['c']), ('test', ['d'])):
        voc(tmp_path / 'one' / part, tmp_path / 'one' / part, names, ['cat'])
    assert found(tmp_path / 'one')[1] == dict(train=(2, 2), val=(1, 1), test=(1, 1))
    for place in ('monday', 'tuesday'):
        voc(tmp_path / 'two' / place, tmp_path / 'two' / place, ['a', 'b'], ['cat'])
    assert found(tmp_path / 'two')[1] == dict(all=(4, 4))


@pytest.mark.parametrize(
    ('file', 'images'),
    [('labels.json', 'photos'), ('annotations/all.json', 'images'), ('x/result.json', 'x')],
)
def test_one_coco_file(tmp_path, file, images):
    coco(tmp_path / file, tmp_path / images, 4, ['cat', 'dog'])
    layout, counts = found(tmp_path)
    assert (layout.name, counts) == ('coco', dict(all=(4, 4)))


def test_coco_file_with_folders_in_its_names(tmp_path):
    coco(tmp_path / 'result.json', tmp_path / 'images', 4, ['cat'], prefix='images/')
    assert found(tmp_path)[1] == dict(all=(4, 4))


def test_coco_of_each_part(tmp_path):
    for part, count in (('train2017', 3), ('val2017', 2)):
        file = tmp_path / f'own/annotations/instances_{part}.json'
        coco(file, tmp_path / 'own' / part, count, ['cat'])
        captions = file.with_name(f'captions_{part}.json')
        captions.write_text('{"images": [], "annotations": []}')
    assert found(tmp_path / 'own')[1] == dict(train=(3, 3), val=(2, 2))
    for part, count in (('train', 3), ('valid', 2)):
        folder = tmp_path / 'roboflow' / part
        coco(folder / '_annotations.coco.json', folder, count, ['cat'])
    assert found(tmp_path / 'roboflow')[1] == dict(train=(3, 3), val=(2, 2))


def test_only_a_training_is_the_whole(tmp_path):
    coco(tmp_path / 'train/_annotations.coco.json', tmp_path / 'train', 3, ['cat'])
    assert found(tmp_path)[1] == dict(all=(3, 3))


def test_yolo_with_data_yaml(tmp_path):
    for part, count in (('train', 3), ('valid', 2)):
        yolo(tmp_path / part / 'images', tmp_path / part / 'labels', count)
    text = 'train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnames: [a, b]\n'
    (tmp_path / 'data.yaml').write_text(text)
    layout, counts = found(tmp_path)
    assert (layout.name, counts) == ('yolo', dict(train=(3, 3), val=(2, 2)))


def test_data_yaml_that_names_one_folder_twice_has_no_split(tmp_path):
    yolo(tmp_path / 'images', tmp_path / 'labels', 3)
    (tmp_path / 'data.yaml').write_text('train: images\nval: images\nnames: [a, b]\n')
    assert found(tmp_path)[1] == dict(all=(3, 3))


@pytest.mark.parametrize(('images', 'labels'), [('images', 'labels'), ('.', '.'), ('jpg', 'txt')])
def test_yolo_without_data_yaml(tmp_path, images, labels):
    yolo(tmp_path / images, tmp_path / labels, 3)
    (tmp_path / 'classes.txt').write_text('a\nb\n')
    layout, counts = found(tmp_path)
    assert (layout.name, counts) == ('yolo', dict(all=(3, 3)))


def test_yolo_parts_by_folders_and_numbers_without_names(tmp_path):
    for part, count in (('train', 3), ('val', 2)):
        yolo(tmp_path / 'images' / part, tmp_path / 'labels' / part, count, classes=3)
    layout, counts = found(tmp_path)
    assert counts == dict(train=(3, 3), val=(2, 2))
    assert layout.parts['train']['metainfo']['classes'] == ('class_0', 'class_1', 'class_2')
    assert 'write the right names there' in layout.notes[0]


def test_tables(tmp_path):
    table(tmp_path / 'boxes.csv', pictures(tmp_path / 'photos', 4))
    layout, counts = found(tmp_path)
    assert (layout.name, counts) == ('csv', dict(all=(4, 4)))


def test_of_two_layouts_the_one_with_more_is_taken(tmp_path):
    voc(tmp_path / 'Annotations', tmp_path / 'images', NAMES, ['cat'])
    coco(tmp_path / 'few.json', tmp_path / 'images', 2, ['cat'])
    layout, _ = found(tmp_path)
    assert layout.name == 'voc'
    assert 'COCO annotations in few.json too (2)' in layout.notes[0]
    assert '--layout coco takes these' in layout.notes[0]
    assert found(tmp_path, 'coco')[0].name == 'coco'
    with pytest.raises(ConfigError, match=r'--layout yolo: .* has no label files of YOLO'):
        found(tmp_path, 'yolo')


def test_folders_that_cannot_be_trained_on(tmp_path):
    def why(folder):
        with pytest.raises(DataError) as refusal:
            found(folder)
        return str(refusal.value)

    for name, count in (('cat', 2), ('dog', 3)):
        pictures(tmp_path / 'sorted' / name, count)
    assert 'folders by class (cat 2, dog 3)' in why(tmp_path / 'sorted')
    assert 'data for a classifier' in why(tmp_path / 'sorted')
    pictures(tmp_path / 'bare' / 'images', 2)
    assert '2 pictures and no annotations' in why(tmp_path / 'bare')
    assert 'labelme, CVAT' in why(tmp_path / 'bare')
    for name, text, said in (
        ('a.json', '', 'a.json: the file is empty'),
        ('a.json', '{"images": [], "annotations": [], "categories": []}', 'COCO without objects'),
        ('a.json', '{"boxes": []}', "'categories' expected, found: boxes"),
        ('a.json', '{', 'not well-formed JSON'),
        ('a.csv', 'image;x;y\n', "no column 'filename'"),
        ('a.csv', 'filename,xmin,ymin,xmax,ymax,class\n', 'the table has no rows'),
        ('a.xml', '<boxes/>', 'does not begin with <annotation>'),
        ('a.txt', 'cat\n', "no row 'class x y w h'"),
    ):
        (tmp_path / 'bare' / name).write_text(text, 'utf-8')
        assert said in why(tmp_path / 'bare'), said
        (tmp_path / 'bare' / name).unlink()
    (tmp_path / 'empty').mkdir()
    assert 'no picture among its 0 files' in why(tmp_path / 'empty')
    picture(tmp_path / 'labelme/a.png', 0)
    (tmp_path / 'labelme/a.json').write_text(
        '{"version": "5", "shapes": [], "imagePath": "a.png", "imageData": null}'
    )
    assert 'mmlite convert_dataset' in why(tmp_path / 'labelme')
    assert 'annotations of labelme' in why(tmp_path / 'labelme')
    assert 'is a file' in why(tmp_path / 'labelme/a.png')
    assert "Did you mean 'sorted'?" in why(tmp_path / 'sortd')
