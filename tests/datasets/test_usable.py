"""Nothing to train on, nothing to find, not a single batch: refused before a run begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.datasets import (
    ClassBalancedDataset,
    CocoDataset,
    ConcatDataset,
    MultiImageMixDataset,
    RepeatDataset,
    build_dataloader,
)
from mmlite.datasets.usable import num_objects, refuse_without_objects
from mmlite.errors import DataError
from mmlite.evaluation import CocoMetric, VOCMetric
from tests.corpus.good import coco as good_coco
from tests.corpus.good import good_copy
from tests.datasets.toy import toy_coco

SAMPLER = dict(type='DefaultSampler', shuffle=False)
INFINITE = dict(type='InfiniteSampler', shuffle=False)


@pytest.fixture
def coco(tmp_path: Path):
    """Three images with a cat each; what is given is written over each annotation."""

    def make(changes: dict | None = None, count: int = 3, **arguments) -> CocoDataset:
        return toy_coco(tmp_path, [(40, 30)] * 3, changes, count, **arguments)

    return make


def loader(dataset, **changes):
    base = dict(dataset=dataset, batch_size=1, sampler=SAMPLER)
    return build_dataloader({**base, **changes}, seed=0)


@pytest.mark.parametrize(
    ('changes', 'cause'),
    [
        (dict(iscrowd=1), '3 boxes ignored as iscrowd=1'),
        (dict(iscrowd='1'), '3 boxes ignored as iscrowd=1'),
        (dict(area=0), '3 of an area of 0 or less'),
        (dict(ignore=1), "3 marked 'ignore'"),
        (dict(image_id=77), '3 annotations of images that are not listed left out (such as'),
        (dict(category_id=2), '3 objects of other classes left out (dog 3)'),
        (dict(bbox=[5, 5, 0.4, 30]), '3 less than a pixel wide or high'),
        (dict(bbox=[900, 5, 20, 20]), '3 boxes without a pixel in their image'),
        (dict(bbox=[0.1, 0.2, 0.5, 0.5]), 'all of its 3 boxes lie within 0 to 1'),
    ],
)
def test_the_training_is_refused_with_the_cause_of_all_that_was_left_out(
    coco, changes: dict, cause: str
) -> None:
    with pytest.raises(DataError) as refusal:
        loader(coco(changes))
    assert cause in str(refusal.value) and '\n' not in str(refusal.value)


def test_filters_that_leave_nothing_are_the_cause(coco) -> None:
    with pytest.raises(DataError, match=r'no object is left.*3 boxes ignored by bbox_min_size'):
        loader(coco(filter_cfg=dict(bbox_min_size=12)))  # boxes of 20 x 10
    with pytest.raises(DataError, match=r'no image is left of 3.*3 images left out by min_size'):
        coco(filter_cfg=dict(min_size=31))


@pytest.mark.parametrize(
    'wrap',
    [
        lambda data: RepeatDataset(data, 3),
        lambda data: ClassBalancedDataset(data, 0.5),
        lambda data: ConcatDataset([data, data]),
        lambda data: MultiImageMixDataset(data, []),
        lambda data: RepeatDataset(ConcatDataset([data, data]), 2),
    ],
)
def test_the_same_inside_wrappers(coco, wrap) -> None:
    with pytest.raises(DataError, match=r'train_dataloader.dataset: no object is left'):
        loader(wrap(coco(dict(iscrowd=1))))


def test_one_part_may_have_no_object(coco) -> None:
    empty = coco(count=0)
    assert empty.warnings == ['no object is left to train on']
    assert len(loader(ConcatDataset([empty, coco()]))) == 6


def test_objects_of_images_that_cannot_be_used_do_not_count(tmp_path: Path) -> None:
    root = good_copy(tmp_path)
    whole = good_coco(root)
    first = len(whole.get_ann_info(0)['labels'])
    (root / 'JPEGImages/000001.jpg').write_bytes(b'')
    assert num_objects(good_coco(root, max_bad=0.2)) == num_objects(whole) - first


def test_of_other_data_sets_nothing_is_known() -> None:
    assert num_objects([1, 2, 3]) is None
    refuse_without_objects([1, 2, 3], 'here')


def test_a_loader_without_a_batch_is_refused(coco) -> None:
    with pytest.raises(DataError) as refusal:
        loader(coco(), batch_size=4, drop_last=True)
    assert str(refusal.value) == (
        'train_dataloader: not a single batch: 3 images, batch_size=4, drop_last=True. A smaller '
        'batch_size, or drop_last=False.'
    )
    assert len(loader(coco(), batch_size=3, drop_last=True)) == 1
    assert len(loader(coco(), batch_size=4)) == 1
    # an endless sampler fills each batch
    endless = loader(coco(), batch_size=4, drop_last=True, sampler=INFINITE)
    assert len(next(iter(endless.batch_sampler))) == 4


@pytest.mark.parametrize('metric', [VOCMetric(), CocoMetric()])
def test_figures_without_anything_to_find_are_refused(coco, metric) -> None:
    for data in (coco(dict(iscrowd=1), test_mode=True), coco(count=0, test_mode=True)):
        with pytest.raises(DataError, match=r'Metric: there is no object to find.*0 boxes of 1'):
            metric.set_dataset(data)
    metric.set_dataset(coco(test_mode=True))


def test_a_list_of_only_detections_needs_no_truth(coco, tmp_path: Path) -> None:
    writer = CocoMetric(format_only=True, outfile_prefix=str(tmp_path / 'x'))
    writer.set_dataset(coco(count=0, test_mode=True))


def test_cocos_metric_counts_what_is_not_trained(coco) -> None:
    data = coco(dict(area=0), test_mode=True)
    CocoMetric().set_dataset(data)  # as pycocotools
    with pytest.raises(DataError, match='3 of an area of 0 or less'):
        VOCMetric().set_dataset(data)
