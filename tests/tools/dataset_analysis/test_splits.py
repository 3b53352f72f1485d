"""From records to boxes in the network's input."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.transforms import Pad, Resize
from mmlite.errors import ConfigError
from mmlite.tools.dataset_analysis.splits import Split, network_boxes, read_splits
from mmlite.tools.dataset_analysis.statistics import size_class, split_figures
from tests.runs import TINY, load_config


def split() -> Split:
    return Split(
        name='train',
        classes=('cat', 'dog'),
        files=['a.jpg', 'b.jpg', 'c.jpg'],
        bad={'c.jpg': 'no such file'},
        sizes=np.array([[200, 100], [100, 100], [0, 0]]),
        image=np.array([0, 0, 1, 1, 2]),
        bboxes=np.array(
            [[10, 10, 50, 30], [0, 0, 20, 20], [0, 0, 100, 100], [5, 5, 5, 9], [0, 0, 9, 9]], float
        ),
        labels=np.array([1, 1, 2, 2, 2]),
        ignored=np.array([False, True, False, False, False]),
    )


def test_boxes_follow_resize_and_padding() -> None:
    steps = [Resize(scale=(100, 100), keep_ratio=True), Pad(size_divisor=8)]
    boxes = network_boxes(split(), steps, divisor=32)
    # 200x100 becomes 100x50, padded to 104x56 by the pipeline and to 128x64 by the model. The
    # ignored box, the one without a width and that of an image of unknown size are left out
    np.testing.assert_allclose(boxes.bboxes, [[5, 5, 25, 15], [0, 0, 100, 100]])
    assert boxes.size.tolist() == [[128, 64], [128, 128]]
    assert boxes.labels.tolist() == [1, 2]
    assert {size: rows.tolist() for size, rows in boxes.groups()} == {
        (128, 64): [0],
        (128, 128): [1],
    }


def test_figures() -> None:
    found = split_figures(
        split(), network_boxes(split(), [Resize(scale=(100, 50), keep_ratio=False)])
    )
    assert found['boxes'] == 4
    assert found['ignored_boxes'] == 1
    assert found['bad_images'] == 1
    assert found['boxes_per_image'] == dict(mean=4 / 3, median=1.0, most=2)
    cat = found['classes']['cat']
    assert cat['boxes'] == cat['images'] == 1
    assert cat['median_wh'] == [40, 20]
    assert cat['network_wh'] == [20, 10]
    assert cat['ratio'] == [0.5] * 3
    # areas of 800, 10000, 0 and 81 square pixels; COCO's limits are 1024 and 9216
    assert found['shares']['original'] == dict(small=0.75, medium=0, large=0.25)


def test_size_limits_belong_to_the_larger_size() -> None:
    assert size_class(np.array([[31.9, 32], [32, 32], [96, 95.9], [96, 96]])).tolist() == [
        0,
        1,
        1,
        2,
    ]


def test_val_and_test_of_the_same_data_are_read_once() -> None:
    splits, steps = read_splits(load_config(TINY))
    assert [(one.name, len(one.files)) for one in splits] == [('train', 12), ('val', 6)]
    assert [type(step).__name__ for step in steps] == ['Resize']


def test_repeated_images_count_once() -> None:
    plain = read_splits(load_config(TINY))[0][0]
    cfg = load_config(TINY)
    inner = cfg.train_dataloader.dataset.to_dict()
    cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=3, dataset=inner)
    repeated = read_splits(cfg)[0][0]
    assert repeated.files == plain.files
    np.testing.assert_array_equal(repeated.bboxes, plain.bboxes)


def test_without_training_data() -> None:
    cfg = load_config(TINY)
    cfg.train_dataloader = None
    with pytest.raises(ConfigError, match='train_dataloader'):
        read_splits(cfg)
