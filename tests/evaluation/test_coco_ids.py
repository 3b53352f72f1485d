"""Image and category ids of the files, through every wrapper."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets import CocoDataset, build_dataset
from mmlite.errors import ConfigError
from mmlite.evaluation import CocoMetric, coco_ids, evaluate_results
from mmlite.evaluation.coco_ids import image_ranks
from tests.evaluation.test_coco import TwoImages

CLASSES = ('cat', 'dog')


def file_with(folder: Path, image_ids, category_ids=(17, 18), names=CLASSES) -> dict:
    """The config of a data set of one file, whose images are listed as the ids are given."""
    folder.mkdir()
    images = [
        dict(id=number, file_name=f'{i}.png', width=60, height=60)
        for i, number in enumerate(image_ids)
    ]
    annotations = [
        dict(id=i + 1, image_id=number, category_id=category_ids[0], bbox=[5, 5, 30, 30], area=900)
        for i, number in enumerate(image_ids)
    ]
    categories = [
        dict(id=number, name=name) for number, name in zip(category_ids, names, strict=True)
    ]
    content = dict(images=images, annotations=annotations, categories=categories)
    (folder / 'ann.json').write_text(json.dumps(content), encoding='utf-8')
    for image in images:
        cv2.imwrite(str(folder / image['file_name']), np.zeros((60, 60, 3), np.uint8))
    return dict(
        type='CocoDataset',
        data_root=str(folder),
        ann_file='ann.json',
        data_prefix=dict(img=''),
        metainfo=dict(classes=CLASSES),
        test_mode=True,
    )


def written(dataset, tmp_path: Path) -> list[tuple]:
    """The ids in a results file with a cat and a dog in every image."""
    one = [np.array([[5, 5, 35, 35, 0.9]], np.float32), np.array([[1, 1, 9, 9, 0.8]], np.float32)]
    metric = CocoMetric(format_only=True, outfile_prefix=str(tmp_path / 'out'))
    evaluate_results([one] * len(dataset), dataset, [metric])
    rows = json.loads((tmp_path / 'out.bbox.json').read_text(encoding='utf-8'))
    return [(row['image_id'], row['category_id']) for row in rows]


def pairs(*image_ids) -> list[tuple]:
    return [(image_id, category_id) for image_id in image_ids for category_id in (17, 18)]


def test_through_wrappers(tmp_path):
    one, two = file_with(tmp_path / 'a', (52, 51)), file_with(tmp_path / 'b', (7,))
    concat = dict(
        type='ConcatDataset', datasets=[one, dict(type='RepeatDataset', dataset=two, times=1)]
    )
    assert written(build_dataset(concat), tmp_path) == pairs(52, 51, 7)
    balanced = dict(type='ClassBalancedDataset', dataset=one, oversample_thr=0.1)
    assert written(build_dataset(balanced), tmp_path) == pairs(52, 51)
    mixed = dict(type='MultiImageMixDataset', dataset=one, pipeline=[])
    assert written(build_dataset(mixed), tmp_path) == pairs(52, 51)
    assert written(build_dataset(dict(one, indices=[1])), tmp_path) == pairs(51)


def test_ids_that_clash_are_refused_before_the_run(tmp_path):
    one, two = file_with(tmp_path / 'a', (1, 2)), file_with(tmp_path / 'b', (3, 2))
    metric = CocoMetric(outfile_prefix=str(tmp_path / 'out'))
    clash = build_dataset(dict(type='ConcatDataset', datasets=[one, two]))
    with pytest.raises(
        ConfigError, match=r"image_id 2 is that of two images, '.*a/1.png' and '.*b/1"
    ):
        metric.set_dataset(clash)
    with pytest.raises(ConfigError, match='image_id 1 is that of two images'):
        metric.set_dataset(build_dataset(dict(type='RepeatDataset', dataset=one, times=2)))
    CocoMetric().set_dataset(clash)  # without a results file it does not matter
    assert image_ranks(clash) == [0, 1, 3, 2]  # a file after the other, each by its ids


def test_files_with_other_category_ids_are_refused(tmp_path):
    one, two = file_with(tmp_path / 'a', (1,)), file_with(tmp_path / 'b', (2,), (18, 17))
    metric = CocoMetric(outfile_prefix=str(tmp_path / 'out'))
    with pytest.raises(ConfigError, match="class 'cat' is 18 in one, 17 in another"):
        metric.set_dataset(build_dataset(dict(type='ConcatDataset', datasets=[one, two])))
    three = file_with(tmp_path / 'c', (3,), (18,), ('cat',))
    four = file_with(tmp_path / 'd', (4,), (18,), ('dog',))
    with pytest.raises(ConfigError, match="'dog' is 18 in one, that of 'cat' in another"):
        metric.set_dataset(build_dataset(dict(type='ConcatDataset', datasets=[three, four])))


def test_detections_of_a_class_that_the_file_lacks(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(coco_ids, 'print_log', lambda text, **_: said.append(text))
    one = build_dataset(file_with(tmp_path / 'a', (1,), (18,), ('cat',)))
    assert written(one, tmp_path) == [(1, 18)]
    assert '1 detections of classes that are no categories' in said[0]


def test_the_order_of_the_ids(tmp_path):
    one, two = file_with(tmp_path / 'a', (52, 51)), file_with(tmp_path / 'b', (7,))
    assert image_ranks(build_dataset(one)) == [1, 0]
    both = build_dataset(dict(type='ConcatDataset', datasets=[one, two]))
    assert image_ranks(both) == [2, 1, 0]  # as if they were one file
    texts = build_dataset(file_with(tmp_path / 'c', ('b', 'a10', 'a9')))
    assert image_ranks(texts) == [2, 0, 1]
    assert image_ranks(TwoImages()) == [0, 1]


def test_the_annotation_file_is_compared_through_wrappers(tmp_path):
    one = file_with(tmp_path / 'a', (1,))
    both = build_dataset(dict(type='ConcatDataset', datasets=[one]))
    assert isinstance(both.datasets[0], CocoDataset)
    with pytest.raises(ConfigError, match=r"the data set reads '.*ann\.json'.*'other\.json' would"):
        CocoMetric(ann_file='other.json').set_dataset(both)
    CocoMetric(ann_file='ann.json').set_dataset(both)
