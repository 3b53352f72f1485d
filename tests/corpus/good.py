"""Good data to spoil, and what it means that an item is skipped."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmlite.datasets import CocoDataset, DetDataset, VOCDataset
from mmlite.datasets.bad_items import BadItemError
from mmlite.datasets.demo import demo_root, draw_demo_set
from mmlite.errors import DataError, UserError
from mmlite.evaluation import VOCMetric
from tests.runs import CLASSES

FIRST = '000001'  # the item that is spoilt
NUM_IMAGES = 8
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
RESIZE = [dict(type='Resize', scale=(96, 64), keep_ratio=True), dict(type='PackDetInputs')]


@cache
def good_set() -> Path:
    """Eight images in trainval.txt and four in test.txt, drawn once in a process."""
    arguments = CLASSES, NUM_IMAGES, 4, (112, 96), 0
    return draw_demo_set(demo_root(*arguments), *arguments)


def good_copy(folder: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(good_set(), folder / 'data')


def voc(root: Path, **changes: Any) -> VOCDataset:
    arguments = dict(
        ann_file='ImageSets/Main/trainval.txt',
        metainfo=dict(classes=CLASSES),
        data_root=str(root),
        pipeline=[*LOAD, *RESIZE],
    )
    return VOCDataset(**{**arguments, **changes})


def coco(root: Path, **changes: Any) -> CocoDataset:
    arguments = dict(
        ann_file='instances_train2017.json',
        metainfo=dict(classes=CLASSES),
        data_root=str(root),
        data_prefix=dict(img='JPEGImages'),
        pipeline=[*LOAD, *RESIZE],
    )
    return CocoDataset(**{**arguments, **changes})


def first_image(root: Path) -> Path:
    return root / 'JPEGImages' / f'{FIRST}.jpg'


def first_xml(root: Path) -> Path:
    return root / 'Annotations' / f'{FIRST}.xml'


def refused(build: Any, *parts: str) -> None:
    """The data set is refused as a mistake of the user's, in one line that holds these parts."""
    with pytest.raises(UserError) as caught:
        build()
    message = str(caught.value)
    assert '\n' not in message
    for part in parts:
        assert part in message, message


def skipped(build: Any, root: Path, reason: str, known: bool = True) -> None:
    """The first of eight items is skipped, named with the reason, and counted.

    Args:
        build: makes the data set from `root` and arguments of DetDataset.
        root: of the spoilt data.
        reason: a pattern in the message.
        known: from the start, before the image is decoded.
    """
    train = build(root, max_bad=0.125)
    path = train.filename(0)
    assert len(train) == train.num_listed == NUM_IMAGES
    metas = train[0]['img_metas'].data
    assert set(metas['skipped_files']) == {path} != {metas['filename']}
    test = build(root, test_mode=True)
    with pytest.raises(BadItemError, match=reason) as caught:
        test[0]
    assert Path(path).stem in str(caught.value)
    assert list(train.bad_items) == list(test.bad_items) == ([path] if known else [])
    if known:
        assert '1 of them bad and skipped' in train.summary
        with pytest.raises(BadItemError, match=reason):
            test.get_ann_info(0)
        with pytest.raises(DataError, match=rf'1 of 8 .*max_bad=0.01 allows 0\..*{reason}'):
            build(root)
    left_out(build(root, test_mode=True, skip_bad_images=True))


def left_out(dataset: DetDataset) -> None:
    """The metric leaves out image 0, says so, and counts nothing of it."""
    metric = VOCMetric()
    metric.set_dataset(dataset)
    for i in range(len(dataset)):
        meta = dataset[i]['img_metas'].data
        assert meta.get('bad_image', False) is (i == 0)
        truth = dataset.get_ann_info(i)
        found = dict(
            bboxes=truth['bboxes'], labels=truth['labels'], scores=np.ones(len(truth['labels']))
        )
        if i == 0:  # in a black image
            found = dict(bboxes=np.ones((1, 4)), labels=np.ones(1, int), scores=np.ones(1))
        metric.process(dict(img_metas=[meta]), [found])
    figures = metric.evaluate(len(dataset))
    assert figures['pascal_voc/skipped_images'] == 1
    assert figures['pascal_voc/mAP'] == pytest.approx(1)


def matches(text: str) -> str:
    """A pattern for exactly this text."""
    return re.escape(text)
