from __future__ import annotations

import pytest

from mmlite.datasets import (
    ClassBalancedDataset,
    ConcatDataset,
    MultiImageMixDataset,
    RepeatDataset,
    build_dataset,
)
from mmlite.datasets.wrappers import repeat_times
from mmlite.errors import ArgumentError, ConfigError, DataError
from tests.datasets.toy import toy

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


def test_concat_drops_other_metainfo_that_differs_by_default() -> None:
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


@pytest.mark.parametrize(
    ('labels', 'threshold', 'expected'),
    [
        # class 1 in 4 of 4 images, class 2 in one: sqrt(1 / 0.25) = 2; sqrt(0.5 / 0.25) = 1.41
        ([{1}, {1}, {1, 2}, {1}], 1.0, [1, 1, 2, 1]),
        ([{1}, {1}, {1, 2}, {1}], 0.5, [1, 1, 2, 1]),
        ([{1}, {1}, {1, 2}, {1}], 0.25, [1, 1, 1, 1]),
        # in one of nine: sqrt(9) = 3
        ([{1}] * 8 + [{2}], 1.0, [2] * 8 + [3]),
        ([{1}, set()], 1.0, [2, 1]),
    ],
)
def test_repeat_times(labels, threshold, expected) -> None:
    assert repeat_times(labels, threshold) == expected


def test_class_balanced() -> None:
    bird = (20, 20, 40, 40, 'dog', False)
    parts = [(50, 50, [CAT]), (50, 50, [CAT]), (60, 60, [bird, CAT]), (50, 50, [])]
    dataset = ClassBalancedDataset(toy(parts, '/x'), oversample_thr=1.0)
    # cat in 3 of 4 images: sqrt(4 / 3) = 1.15, twice; dog in one of 4: twice; none: once
    names = ['/x/0.png', '/x/0.png', '/x/1.png', '/x/1.png', '/x/2.png', '/x/2.png', '/x/3.png']
    assert [dataset.filename(i) for i in range(len(dataset))] == names
    assert [sample['img_id'] for sample in dataset] == list(range(7))
    assert dataset.category_counts() == {'cat': 6, 'dog': 2}
    # images without boxes as a class of their own: sqrt(4) = 2
    as_class = ClassBalancedDataset(toy(parts, '/x'), oversample_thr=1.0, filter_empty_gt=False)
    assert len(as_class) == 8
    with pytest.raises(ConfigError, match='a share of the images'):
        ClassBalancedDataset(toy(parts, '/x'), oversample_thr=5)


class TwoMore:
    """Asks for the next two samples and writes down which it got."""

    def get_indexes(self, dataset):
        return [1, 2]

    def __call__(self, results):
        results['got'] = [other['filename'] for other in results['mix_results']]
        return results


def test_mixing_hands_further_samples_on() -> None:
    inner = toy([(50, 50, [CAT])] * 3, '/x')
    dataset = MultiImageMixDataset(inner, [TwoMore(), lambda results: {**results, 'last': True}])
    sample = dataset[0]
    assert sample['filename'] == '/x/0.png' and sample['got'] == ['/x/1.png', '/x/2.png']
    assert sample['last'] and 'mix_results' not in sample
    assert len(dataset) == 3 and dataset.category_counts() == {'cat': 3, 'dog': 0}
    assert dataset.get_data_info(1)['filename'] == '/x/1.png'


def test_a_refused_mixture_is_replaced_and_then_an_error() -> None:
    inner = toy([(50, 50, [CAT])] * 3, '/x')
    once = iter([None])
    dataset = MultiImageMixDataset(inner, [lambda results: next(once, results)])
    assert dataset[0]['img_id'] in range(3)
    never = MultiImageMixDataset(inner, [lambda results: None], max_refetch=4)
    with pytest.raises(DataError, match='refused 5 samples in a row'):
        never[0]


def test_types_can_be_left_out_of_a_mixture() -> None:
    steps = [dict(type='Mosaic'), dict(type='RandomFlip', prob=0.5)]
    dataset = MultiImageMixDataset(toy([(50, 50, [CAT])], '/x'), steps, skip_type_keys=['Mosaic'])
    assert [type(step).__name__ for step in dataset.pipeline.transforms] == ['RandomFlip']


def test_files_skipped_while_mixing_are_counted(monkeypatch) -> None:
    inner = toy([(50, 50, [CAT])] * 3, '/x')
    plain = inner.get_sample
    monkeypatch.setattr(
        inner, 'get_sample', lambda i, offset=0: {**plain(i, offset), 'skipped_files': [f'{i}.bad']}
    )
    assert MultiImageMixDataset(inner, [TwoMore()])[0]['skipped_files'] == [
        '0.bad',
        '1.bad',
        '2.bad',
    ]
