"""`image_list`: the pictures of one part, by names in a text file, for every data set."""

from __future__ import annotations

import pytest

from mmlite.datasets import build_dataset
from mmlite.errors import ConfigError, DataError
from tests.tools.init.folders import coco, pictures, table, voc, yolo

NAMES = ['a', 'b', 'c', 'd']


def built(root, kind, **args):
    common = dict(data_root=str(root), metainfo=dict(classes='auto'), image_list='own.txt')
    return build_dataset(dict(type=kind, **common, **args))


def listed(root, *names):
    (root / 'own.txt').write_text('\n'.join(names) + '\n', 'utf-8')


def stems(dataset):
    return [dataset.filename(i).rsplit('/', 1)[-1] for i in range(len(dataset))]


def test_each_data_set_reads_a_list(tmp_path):
    voc(tmp_path / 'v/Annotations', tmp_path / 'v/images', NAMES, ['x', 'y'])
    listed(tmp_path / 'v', 'images/c.png', 'a.png')
    dataset = built(tmp_path / 'v', 'VOCDataset')
    assert stems(dataset) == ['c.png', 'a.png']
    assert dataset.classes == ('x', 'y')  # of all pictures
    assert dataset.num_objects() == 2 and dataset.num_listed == 2

    coco(tmp_path / 'c/all.json', tmp_path / 'c/images', 4, ['x', 'y'])
    names = sorted(path.name for path in (tmp_path / 'c/images').iterdir())
    listed(tmp_path / 'c', names[3], names[0])
    dataset = built(
        tmp_path / 'c', 'CocoDataset', ann_file='all.json', data_prefix=dict(img='images')
    )
    assert stems(dataset) == [names[3], names[0]]
    assert [dataset.image_id(i) for i in (0, 1)] == [3, 0]
    assert dataset.get_coco_info(0)['labels'].tolist() == [2]

    yolo(tmp_path / 'y/images', tmp_path / 'y/labels', 3)
    (tmp_path / 'y/classes.txt').write_text('x\ny\n', 'utf-8')
    listed(tmp_path / 'y', 'p01.png\r')
    assert stems(built(tmp_path / 'y', 'YoloDataset')) == ['p01.png']

    table(tmp_path / 't.csv', pictures(tmp_path, 3))
    listed(tmp_path, 'p02.png', '', 'p00.png')
    assert stems(built(tmp_path, 'CsvDataset', ann_file='t.csv')) == ['p02.png', 'p00.png']


def test_a_path_from_the_data_root_is_that_file(tmp_path):
    """`a.png` is in the folder itself and in `deep`: the whole path wins."""
    for folder in ('', 'deep'):
        voc(tmp_path / folder, tmp_path / folder, ['a'], ['x'])
    table(tmp_path / 't.csv', ['a', 'deep/a'])
    listed(tmp_path, 'a.png')
    dataset = built(tmp_path, 'CsvDataset', ann_file='t.csv')
    assert dataset.filename(0) == str(tmp_path / 'a.png') and len(dataset) == 1


def test_refusals(tmp_path):
    table(tmp_path / 't.csv', pictures(tmp_path, 2))
    for names, error, why in (
        (['p09.png'], ConfigError, r"own.txt has 'p09.png', and it has 2 images.*Did you mean"),
        ([''], DataError, r'own.txt names no image'),
    ):
        listed(tmp_path, *names)
        with pytest.raises(error, match=why):
            built(tmp_path, 'CsvDataset', ann_file='t.csv')
    (tmp_path / 'own.txt').unlink()
    with pytest.raises(DataError, match=r'own\.txt'):
        built(tmp_path, 'CsvDataset', ann_file='t.csv')
