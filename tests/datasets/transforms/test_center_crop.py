"""RandomCenterCropPad in testing: a picture in the middle of a larger one, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlite.datasets.transforms import Compose
from mmlite.errors import ConfigError
from mmlite.ops.boxes import flip_boxes, to_input, to_original
from mmlite.registry import TRANSFORMS

TEST = dict(
    type='RandomCenterCropPad', ratios=None, border=None, mean=[1, 2, 3], std=[1, 1, 1],
    to_rgb=True, test_mode=True, test_pad_mode=['logical_or', 31], test_pad_add_pix=1,
)  # fmt: skip
BOX = (10.0, 5.0, 30.0, 25.0)


def sample(width: int = 70, height: int = 50) -> dict:
    """A gray picture with a white box."""
    img = np.full((height, width, 3), 100, np.uint8)
    img[5:25, 10:30] = 255
    return dict(img=img, img_shape=img.shape, ori_shape=img.shape, scale_factor=np.ones(4))


def white(img: np.ndarray) -> list[int]:
    """The box (x1, y1, x2, y2) of what is nearly white."""
    rows, columns = np.nonzero(img[..., 0] > 200)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_picture_in_the_middle() -> None:
    results = TRANSFORMS.build(TEST)(sample())
    # 70 | 31 = 95 and 50 | 31 = 63, each plus 1; (96 - 70) / 2 = 13, (64 - 50) / 2 = 7
    assert results['img'].shape == results['img_shape'] == results['pad_shape'] == (64, 96, 3)
    assert results['border'].tolist() == [7, 57, 13, 83]  # top, bottom, left, right
    assert results['img'][0, 0].tolist() == [3, 2, 1]  # the mean, in BGR
    assert white(results['img']) == [23, 12, 43, 32]
    np.testing.assert_array_equal(results['img'][7:57, 13:83], sample()['img'])


@pytest.mark.parametrize(
    ('mode', 'more', 'width', 'size', 'left'),
    [
        (('logical_or', 31), 1, 64, 96, 16),  # 64 | 31 = 95: a multiple of 32 grows too
        (('logical_or', 127), 0, 70, 127, 63 - 35),
        (('logical_or', 127), 0, 127, 127, 0),
        (('size_divisor', 32), 0, 64, 64, 0),
        (('size_divisor', 32), 0, 65, 96, 48 - 32),
    ],
)
def test_sizes(mode: tuple, more: int, width: int, size: int, left: int) -> None:
    changes = dict(test_pad_mode=mode, test_pad_add_pix=more)
    results = TRANSFORMS.build({**TEST, **changes})(sample(width))
    assert results['img'].shape[1] == size
    assert results['border'].tolist()[2:] == [left, left + width]
    np.testing.assert_array_equal(results['border'], np.float32(results['border']))


@pytest.mark.parametrize('flip', [None, 'horizontal', 'vertical', 'diagonal'])
@pytest.mark.parametrize('order', [(0, 1, 2), (1, 0, 2), (1, 2, 0), (2, 1, 0)])
def test_the_way_back_in_any_order(order: tuple[int, ...], flip: str | None) -> None:
    steps = [
        dict(type='Resize', scale=(140, 150), keep_ratio=False),  # twice as wide, 3 times as high
        dict(type='RandomFlip', prob=float(flip is not None), direction=flip or 'horizontal'),
        TEST,
    ]
    results = Compose([steps[i] for i in order])(sample())
    seen = torch.tensor([white(results['img'])]).float()
    back = to_original(seen, results)
    if flip:
        back = flip_boxes(back, results['ori_shape'], flip)
    # the edges of the box are blurred by the resizing: a pixel of the input is a third
    np.testing.assert_allclose(back[0], BOX, atol=0.6)
    torch.testing.assert_close(to_input(to_original(seen, results), results), seen)


def test_two_paddings() -> None:
    results = Compose([TEST, dict(TEST, test_pad_mode=('size_divisor', 100))])(sample())
    # (101 // 2 - 96 // 2, 101 // 2 - 64 // 2) = (2, 18) more
    assert results['border'].tolist() == [25, 75, 15, 85]
    back = to_original(torch.tensor([white(results['img'])]).float(), results)
    assert back[0].tolist() == list(BOX)


def test_boxes_that_are_loaded_move_along() -> None:
    results = sample() | dict(gt_bboxes=np.float32([BOX]), gt_labels=np.array([3]))
    results = TRANSFORMS.build(TEST)(results)
    assert results['gt_bboxes'].tolist() == [white(results['img'])]
    assert results['gt_labels'].tolist() == [3]


def test_the_border_is_among_the_metas() -> None:
    packed = Compose([TEST, dict(type='PackDetInputs', meta_keys=('img_id',))])(sample())
    assert packed['img_metas'].data['border'].tolist() == [7, 57, 13, 83]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(crop_size=(9, 9)), r'crop_size: None is expected with test_mode=True'),
        (dict(test_mode=False), r'crop_size: \(w, h\) is needed, found None'),
        (dict(test_mode=False, crop_size=(9, 9)), 'ratios: None is only for test_mode=True'),
        (dict(test_mode=False, crop_size=(9, 9), ratios=[1.0]), 'border: None is only'),
        (dict(test_pad_mode=None), r"test_pad_mode: \('logical_or', n\) or"),
        (dict(test_pad_mode=('logical_and', 31)), 'test_pad_mode'),
        (dict(test_pad_mode=('size_divisor', 0)), 'above 0 is expected'),
        (dict(mean=None), 'mean and to_rgb are needed'),
    ],
)
def test_what_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TRANSFORMS.build({**TEST, **changes})
