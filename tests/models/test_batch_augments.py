"""What happens to a training batch on the device; BatchFixedSizePad is in test_preprocessor.py."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.engine.step import begin_iteration
from mmlite.errors import ConfigError
from mmlite.models.batch_augments import BatchSyncRandomResize, scaled_boxes
from mmlite.models.preprocessor import DetDataPreprocessor
from tests.golden import build_detector
from tests.runs import tiny


def batch(height: int = 64, width: int = 96) -> tuple[Tensor, list[dict]]:
    shape = (height, width, 3)
    return torch.zeros(2, 3, height, width), [
        dict(img_shape=(height // 2, width, 3), pad_shape=shape) for _ in range(2)
    ]


def sizes(augment: BatchSyncRandomResize, iterations: range, seed: int = 0) -> list[tuple]:
    found = []
    for iteration in iterations:
        augment.begin_iteration(iteration, seed)
        found.append(tuple(augment(*batch()).shape[-2:]))
    return found


def test_the_size_changes_with_the_iteration_and_the_seed() -> None:
    augment = BatchSyncRandomResize((32, 320), interval=10, size_divisor=32)
    found = sizes(augment, range(200))
    assert set(found[:10]) == {(64, 96)}  # as it comes
    assert all(len(set(found[i : i + 10])) == 1 for i in range(0, 200, 10))
    heights = {height for height, _ in found[10:]}
    assert heights <= set(range(32, 321, 32)) and len(heights) > 5
    # the ratio of the batch is 3 / 2: 32 * int(1.5 * n)
    assert all(width == 32 * int(1.5 * height / 32) for height, width in found)
    assert sizes(augment, range(50, 60)) == found[50:60]  # a run that is resumed
    assert sizes(augment, range(200), seed=1) != found


def test_both_ends_of_the_range_are_drawn() -> None:
    augment = BatchSyncRandomResize((64, 95), interval=1, size_divisor=32)  # 2 and round(2.97) = 3
    assert {height for height, _ in sizes(augment, range(1, 60))} == {64, 96}


def test_shapes_and_boxes_follow() -> None:
    augment = BatchSyncRandomResize((128, 128), interval=1)
    augment.begin_iteration(1, 0)
    img, metas = batch()
    out = augment(img, metas)
    assert out.shape == (2, 3, 128, 192)
    assert metas[0] == dict(
        img_shape=(64, 192, 3),
        pad_shape=(128, 192, 3),
        batch_input_shape=(128, 192),
        batch_scale=(2.0, 2.0),
    )
    boxes = [Tensor([[1, 2, 3, 4]]), torch.zeros(0, 4)]
    scaled = scaled_boxes(boxes, metas)
    assert scaled[0].tolist() == [[2, 4, 6, 8]] and scaled[1].shape == (0, 4)
    assert boxes[0].tolist() == [[1, 2, 3, 4]]  # the batch itself stays
    assert scaled_boxes(boxes, [{}, {}]) is boxes and scaled_boxes(None, metas) is None


def test_only_in_training_and_only_where_a_loop_says_which_iteration_it_is() -> None:
    augment = dict(type='BatchSyncRandomResize', random_size_range=(128, 128), interval=1)
    preprocessor = DetDataPreprocessor(batch_augments=[augment])
    assert preprocessor(*batch()).shape[-2:] == (64, 96)
    begin_iteration(preprocessor, 1, 0)
    assert preprocessor(*batch()).shape[-2:] == (128, 192)
    assert preprocessor.eval()(*batch()).shape[-2:] == (64, 96)


def test_the_detector_trains_on_scaled_boxes(tmp_path, monkeypatch) -> None:
    augment = dict(type='BatchSyncRandomResize', random_size_range=(96, 96), interval=1)
    cfg = tiny(tmp_path, model__data_preprocessor__batch_augments=[augment])
    model = build_detector(cfg.model)
    begin_iteration(model, 1, 0)
    seen = {}
    monkeypatch.setattr(model, 'loss', lambda *args: seen.update(img=args[0], boxes=args[2]))
    metas = [dict(img_shape=(48, 48, 3), pad_shape=(48, 48, 3))]
    model(torch.zeros(1, 3, 48, 48), metas, [Tensor([[1, 2, 3, 4]])], [torch.ones(1)])
    assert seen['img'].shape[-2:] == (96, 96) and seen['boxes'][0].tolist() == [[2, 4, 6, 8]]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(random_size_range=(320, 64)), r'\(least, greatest\) in pixels'),
        (dict(random_size_range=(0.5, 1.5)), 'at least 32'),
        (dict(random_size_range=(64, 64), interval=0), 'from 1 up'),
    ],
)
def test_what_it_cannot_do(arguments: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BatchSyncRandomResize(**arguments)
