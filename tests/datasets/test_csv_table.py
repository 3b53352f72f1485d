"""CsvDataset: its columns, sizes, and rows that are wrong."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets import CsvDataset
from mmlite.errors import ConfigError, DataError

TABLE = """\
class, filename, xmin, ymin, xmax, ymax, confidence
cat, a.jpg, 1, 2, 11.5, 14, 0.9
, b.jpg, , , , ,
dog, a.jpg, 5, 5, 20, 18, 0.8
"""


@pytest.fixture
def build(tmp_path):
    (tmp_path / 'imgs').mkdir()
    for name in 'ab':
        cv2.imwrite(str(tmp_path / f'imgs/{name}.jpg'), np.zeros((20, 40, 3), np.uint8))

    def make(table=TABLE, **changes) -> CsvDataset:
        (tmp_path / 'all.csv').write_text(table)
        args = dict(
            data_root=str(tmp_path), ann_file='all.csv', data_prefix=dict(img='imgs'),
            test_mode=True,
        )  # fmt: skip
        return CsvDataset(**{**args, **changes})

    return make


def test_objects_of_each_image(build):
    dataset = build()
    assert dataset.classes == ('cat', 'dog') and len(dataset) == 2
    info = dataset.get_ann_info(0)
    assert info['bboxes'].tolist() == [[1, 2, 11.5, 14], [5, 5, 20, 18]]
    assert info['labels'].tolist() == [1, 2]
    assert dataset.get_ann_info(1)['bboxes'].shape == (0, 4)
    # sizes are read from the images
    assert [dataset.get_data_info(1)[key] for key in ('width', 'height')] == [40, 20]


def test_a_list_of_images_to_be_tested(build):
    table = 'filename,width,height\na.jpg,40,20\nb.jpg,40,20\n'
    dataset = build(table, metainfo=dict(classes=('cat',)))
    assert len(dataset) == 2 and dataset.num_objects() == 0
    assert 'no object is left to find' in dataset.warnings[-1]
    with pytest.raises(DataError, match="no column 'xmin'"):
        build(table, metainfo=dict(classes=('cat',)), test_mode=False)


@pytest.mark.parametrize(
    'table',
    [
        TABLE.replace(',', ';').replace('11.5', '11,5'),  # a spreadsheet that writes 11,5
        TABLE.replace(', ', '\t').replace(',', '\t'),
        'a.jpg,1,2,11.5,14,cat\nb.jpg,,,,,\na.jpg,5,5,20,18,dog\n',  # without a header
        'b.jpg;;;;;\na.jpg;1;2;11,5;14;cat\na.jpg;5;5;20;18;dog\n',
    ],
)
def test_separators_and_tables_without_a_header(build, table):
    dataset = build(table)
    files = [Path(dataset.get_data_info(i)['filename']).name for i in range(2)]
    a = files.index('a.jpg')
    assert len(dataset) == 2
    assert dataset.get_ann_info(a)['bboxes'].tolist() == [[1, 2, 11.5, 14], [5, 5, 20, 18]]
    assert [dataset.classes[i - 1] for i in dataset.get_ann_info(a)['labels']] == ['cat', 'dog']


def test_sizes_in_the_table(build):
    table = 'filename,width,height,xmin,ymin,xmax,ymax,class\ngone.jpg,60,50,1,2,3,4,cat\n'
    dataset = build(table)
    assert [dataset.get_data_info(0)[key] for key in ('width', 'height')] == [60, 50]


def test_chosen_classes(build):
    dataset = build(metainfo=dict(classes=('dog', 'owl')))
    assert dataset.get_ann_info(0)['labels'].tolist() == [1]
    assert '1 objects of other classes left out' in dataset.summary


@pytest.mark.parametrize(
    ('table', 'message'),
    [
        ('filename,xmin,ymin,xmax,ymax,label\n', r"all\.csv:1: the header has no column 'class'"),
        ('a.jpg,1,2,3,4\n', "no column 'filename'.* found: a.jpg,1,2,3,4"),
        ('a.jpg,1,2,3,4,cat\na.jpg,1,2,x,4,cat\n', r'all\.csv:2: four numbers'),
        # a comma in a number is one of a thousand here
        (TABLE + 'cat, a.jpg, 1, 2, "1,000", 4,\n', r'all\.csv:5: four numbers'),
        ('', "no column 'filename'"),
        (TABLE + 'cat, a.jpg, 1, 2, x, 4,\n', r'all\.csv:5: four numbers and a class'),
        (TABLE + 'cat, a.jpg, 1, 2, 3\n', r'all\.csv:5: four numbers'),
        (TABLE + ', a.jpg, 1, 2, 3, 4,\n', r'all\.csv:5: four numbers'),
        (TABLE + 'cat, a.jpg, 1, 2, inf, 4,\n', r'all\.csv:5: four numbers'),
        (TABLE + 'cat, , 1, 2, 3, 4,\n', r"all\.csv:5: the column 'filename' is empty"),
        (TABLE.split('\n')[0], 'the table has no rows'),
    ],
)
def test_wrong_tables(build, table, message):
    with pytest.raises(DataError, match=message):
        build(table)


def test_without_a_table(build):
    with pytest.raises(ConfigError, match='ann_file is missing'):
        build(ann_file='')
