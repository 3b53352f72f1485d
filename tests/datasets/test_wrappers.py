from __future__ import annotations

import pytest

from mmlite.datasets import ConcatDataset, RepeatDataset, build_dataset
from mmlite.errors import ArgumentError, ConfigError
from tests.datasets.test_base import toy

CAT = (10, 10, 30, 30, 'cat', False)
DOG = (20, 20, 40, 40, 'dog', True)


def parts(**metainfo) -> list:
    first = toy([(50, 50, [CAT])] * 2, '/first')
    second = toy([(60, 60, [DOG, CAT])] * 3, '/second')
    second.metainfo.update(metainfo)
    return [first, second]


def test_concat_answers_from_the_right_part() -> None:
    dataset = ConcatDataset(parts())
    assert len(dataset) == 5
    names = ['/first/0.png', '/first/1.png', '/second/0.png', '/second/1.png', '/second/2.png']
    assert [dataset.filename(i) for i in range(5)] == names
    assert [sample['filename'] for sample in dataset] == names
    assert [sample['img_id'] for sample in dataset] == [0, 1, 2, 3, 4]
    assert [dataset.get_data_info(i)['img_id'] for i in range(5)] == [0, 1, 2, 3, 4]
    assert dataset.get_data_info(4)['width'] == 60
    assert dataset.get_ann_info(1)['bboxes_ignore'].shape == (0, 4)
    assert dataset.get_ann_info(2)['bboxes_ignore'].tolist() == [[20, 20, 40, 40]]
    assert dataset.category_counts() == {'cat': 5, 'dog': 0}
    assert dataset[-1]['filename'] == names[-1]
    with pytest.raises(IndexError):
        dataset[5]


def test_repeat() -> None:
    dataset = RepeatDataset(toy([(50, 50, [CAT]), (60, 60, [DOG, CAT])], '/x'), times=3)
    assert len(dataset) == 6
    assert [sample['filename'] for sample in dataset] == ['/x/0.png', '/x/1.png'] * 3
    assert [sample['img_id'] for sample in dataset] == [0, 1, 2, 3, 4, 5]
    assert dataset.get_ann_info(5)['labels_ignore'].tolist() == [2]
    assert dataset.category_counts() == {'cat': 6, 'dog': 0}
    assert dataset.classes == ('cat', 'dog')


def test_wrappers_in_wrappers_number_the_images_through() -> None:
    dataset = RepeatDataset(ConcatDataset(parts()), times=2)
    assert [sample['img_id'] for sample in dataset] == list(range(10))
    assert dataset.filename(7) == '/second/0.png'  # 7 = 5 + 2, the third of five


def test_an_image_taken_for_a_refused_one_keeps_its_own_id() -> None:
    def refuse_first(results: dict) -> dict | None:
        return None if results['filename'].endswith('0.png') else results

    part = toy([(50, 50, [CAT])] * 2, '/x', pipeline=[refuse_first])
    dataset = ConcatDataset([part, part])
    assert dataset[2]['img_id'] == 3


def test_concat_refuses_other_classes_and_shows_both_lists() -> None:
    other = toy([(50, 50, [CAT, DOG])], metainfo=dict(classes=('dog', 'cat')))
    with pytest.raises(ConfigError, match=r"\('cat', 'dog'\).*datasets\[1\]: \('dog', 'cat'\)"):
        ConcatDataset([*parts()[:1], other])


def test_concat_drops_other_metainfo_that_differs_unless_told() -> None:
    first, second = parts(dataset_type='VOC2012', author='me')
    first.metainfo.update(dataset_type='VOC2007', author='me')
    assert ConcatDataset([first, second]).metainfo == dict(classes=('cat', 'dog'), author='me')
    kept = ConcatDataset([first, second], ignore_keys=['dataset_type'])
    assert kept.metainfo['dataset_type'] == 'VOC2007'


def test_what_cannot_be_wrapped_is_refused() -> None:
    with pytest.raises(ConfigError, match='empty'):
        ConcatDataset([])
    with pytest.raises(ConfigError, match='list'):
        ConcatDataset([[1, 2]])
    with pytest.raises(ConfigError, match='times'):
        RepeatDataset(parts()[0], times=0)


def test_a_mistake_inside_is_reported_with_its_place() -> None:
    inner = dict(type='VOCDataset', anfile='x.txt')
    cfg = dict(type='RepeatDataset', times=2, dataset=dict(type='ConcatDataset', datasets=[inner]))
    with pytest.raises(ArgumentError, match=r"^here\.dataset\.datasets\[0\].*'anfile'.*'ann_file'"):
        build_dataset(cfg, at='here')
