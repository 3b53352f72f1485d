"""Which items are bad, how many may be, and paths that leave the data root."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.datasets import ConcatDataset, RepeatDataset
from mmlite.datasets.bad_items import bad_items, first_reasons, leaves, num_listed, too_many
from mmlite.datasets.paths import check_inside
from mmlite.errors import ConfigError, DataError
from tests.datasets.toy import BOXES, LOAD, toy, write_images


@pytest.mark.parametrize('share', [-0.1, 1.1, 'all', None, True, float('nan')])
def test_max_bad_is_a_share(share: object) -> None:
    with pytest.raises(ConfigError, match='max_bad: a share of the images from 0 to 1'):
        toy([(100, 50, BOXES[:1])], max_bad=share)


def test_of_wrapped_data_sets_all_parts_count_together(tmp_path: Path) -> None:
    write_images(tmp_path, [True, False, True, True])
    part = toy([(100, 50, BOXES[:1])] * 4, tmp_path, pipeline=LOAD, max_bad=0.3)
    good = toy([(100, 50, BOXES[:1])] * 6, max_bad=0.3)
    both = RepeatDataset(ConcatDataset([part, good, part]), times=3)
    bad = str(tmp_path / '1.png')
    assert leaves(both) == [part, good]
    assert num_listed(both) == 10 and list(bad_items(both)) == [bad]
    assert too_many(both, [bad, 'b', 'c']) is None  # 0.3 of 10
    message = too_many(both, [bad, 'b', 'c', 'd'])
    assert message.startswith(
        '4 of 10 images cannot be used, and max_bad=0.3 allows 3. The first: '
    )
    assert '1.png: no image that OpenCV can read' in message and 'b; c; and 1 more' in message
    assert leaves([1, 2]) == [] and too_many([1, 2], ['a']) is None


def test_reasons_are_names_where_none_is_known() -> None:
    assert first_reasons(['a', 'b'], {'a': 'a: empty'}) == 'a: empty; b'


def test_bad_items_are_those_of_the_images_taken(tmp_path: Path) -> None:
    write_images(tmp_path, [True, False, True, True])
    images = [(100, 50, BOXES[:1])] * 4
    assert toy(images, tmp_path, pipeline=LOAD, indices=[0, 2]).bad_items == {}
    with pytest.raises(DataError, match='1 of 2 images'):
        toy(images, tmp_path, pipeline=LOAD, indices=[0, 1])
    assert toy(images, tmp_path).bad_items == {}  # no pipeline reads them


def test_paths_outside() -> None:
    check_inside(['/data/a.jpg', '/data/x/../b.jpg', '/img/c.jpg'], ['/data', '/img/'], 'list.txt')
    for path in ('/data/../a.jpg', '/database/a.jpg', '/etc/passwd', '/data'):
        with pytest.raises(
            DataError, match=r"list\.txt: the path '.*' leaves the data root: '/data'"
        ):
            check_inside(['/data/a.jpg', path], ['/data'], 'list.txt')
