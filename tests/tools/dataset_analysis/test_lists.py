"""The line of a list that has to go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmlite.datasets import CocoDataset, VOCDataset
from mmlite.tools.dataset_analysis.copies import Copies
from mmlite.tools.dataset_analysis.lists import (
    copies_text,
    lists_of,
    what_to_remove,
    where_listed,
)


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('b\na\n', 'line 2 (a)'),  # names only
        ('b 1\na 1\n', 'line 2 (a 1)'),  # the devkit's flags
        ('aa.jpg\n./sub/a.jpg\n', 'line 2 (./sub/a.jpg)'),  # Darknet's paths
        ('image,x1\nsub/a.jpg,3\n', 'line 2 (sub/a.jpg,3)'),  # a table
    ],
)
def test_lines(text: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / 'list.txt'
    file.write_text(text)
    assert where_listed('/data/sub/a.jpg', [str(file)]) == f'{file}, {line}'


def test_the_last_of_two_lines(tmp_path: Path) -> None:
    file = tmp_path / 'list.txt'
    file.write_text('a\nb\na\n')
    assert where_listed('/data/a.jpg', [str(file)], last=True).endswith('line 3 (a)')


def test_an_entry_of_coco(tmp_path: Path) -> None:
    file = tmp_path / 'coco.json'
    images = [dict(id=4, file_name='b.jpg'), dict(id=7, file_name='a.jpg')]
    file.write_text(json.dumps(dict(images=images)))
    found = where_listed('/data/a.jpg', [str(file)])
    assert found == f'{file}, images[1] (id 7, a.jpg) and its annotations'


def test_without_a_list(tmp_path: Path) -> None:
    broken = tmp_path / 'broken.json'
    broken.write_text('{')
    for lists in ([], [str(broken)]):
        assert where_listed('/data/a.jpg', lists).startswith('/data/a.jpg: no list names it')


def test_lists_of_data_sets(voc_part: Path) -> None:
    voc = VOCDataset(
        'ImageSets/Main/test.txt', data_root=str(voc_part), metainfo=dict(classes=None)
    )
    assert lists_of(voc) == (str(voc_part / 'ImageSets/Main/test.txt'),)
    (listed,) = lists_of(voc)
    place = where_listed(voc.filename(1), [listed])
    assert place.startswith(f'{listed}, line 2 (')
    coco = CocoDataset(
        'instances_val2017.json',
        data_root=str(voc_part),
        data_prefix=dict(img='JPEGImages'),
        metainfo=dict(classes='auto'),
    )
    assert lists_of(coco) == (str(voc_part / 'instances_val2017.json'),)


def test_what_to_remove(tmp_path: Path) -> None:
    train, val = tmp_path / 'train.txt', tmp_path / 'val.txt'
    train.write_text('a\nb\n')
    val.write_text('c\nd\nc\n')
    groups = [
        [('train', '/data/b.jpg'), ('val', '/data/d.jpg')],
        [('val', '/data/c.jpg'), ('val', '/data/c.jpg')],
    ]
    copies = Copies(groups, dict(train=0, val=1), {'val in train': 1}, {'val in train': 3}, [])
    lines = what_to_remove(copies, dict(train=[str(train)], val=[str(val)]))
    assert lines == [
        f'train /data/b.jpg = val /data/d.jpg: remove {train}, line 2 (b)',
        f'val /data/c.jpg is there 2 times: remove {val}, line 3 (c)',
    ]
    text = copies_text(copies)
    assert 'LEAKAGE between the parts: 1 of val in train.' in text
    assert 'Surplus copies inside a part: 1 in val.' in text
    assert 'Only alike, as neighbouring frames of a film are: 3 of val in train.' in text
