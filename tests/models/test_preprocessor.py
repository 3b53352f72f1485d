"""What the batch looks like to the backbone, by hand on flat images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.errors import ArgumentError, ConfigError
from mmlite.models.preprocessor import DetDataPreprocessor

MEAN, STD = [120.0, 110.0, 100.0], [60.0, 50.0, 40.0]
BGR = Tensor([10, 20, 240])  # one pixel of a flat image


def flat(*shapes: tuple[int, int]) -> tuple[Tensor, list[dict]]:
    """Images of BGR, padded with 0 to the largest as `collate` does, and their metas."""
    height, width = (max(side) for side in zip(*shapes, strict=True))
    img = torch.zeros(len(shapes), 3, height, width)
    for i, (h, w) in enumerate(shapes):
        img[i, :, :h, :w] = BGR[:, None, None]
    return img, [dict(img_shape=(*s, 3), pad_shape=(*s, 3)) for s in shapes]


def test_bgr_becomes_rgb_before_it_is_normalised():
    out = DetDataPreprocessor(MEAN, STD, bgr_to_rgb=True)(*flat((2, 2)))
    # (240 - 120) / 60, (20 - 110) / 50, (10 - 100) / 40
    assert out[0, :, 1, 1].tolist() == [2.0, pytest.approx(-1.8), -2.25]


def test_without_bgr_to_rgb_the_channels_stay():
    out = DetDataPreprocessor(MEAN, STD)(*flat((2, 2)))
    assert out[0, 0, 0, 0].item() == pytest.approx((10 - 120) / 60)


def test_both_kinds_of_mean_and_std_give_the_same():
    pixels = DetDataPreprocessor(MEAN, STD, bgr_to_rgb=True)(*flat((2, 3)))
    shares = DetDataPreprocessor([m / 255 for m in MEAN], [s / 255 for s in STD], bgr_to_rgb=True)
    torch.testing.assert_close(shares(*flat((2, 3))), pixels)


def test_padding_is_zero_after_normalising():
    img, metas = flat((4, 6), (5, 3))
    out = DetDataPreprocessor(MEAN, STD, bgr_to_rgb=True, pad_size_divisor=4)(img, metas)
    assert out.shape == (2, 3, 8, 8)
    # non-zero exactly inside each image: what collate padded, and what the divisor added, is 0
    expected = torch.zeros(2, 8, 8, dtype=torch.bool)
    expected[0, :4, :6] = True
    expected[1, :5, :3] = True
    assert torch.equal((out != 0).all(dim=1), expected)
    assert torch.equal((out != 0).any(dim=1), expected)


def test_shapes_are_written_into_the_metas():
    img, metas = flat((4, 6), (5, 3))
    DetDataPreprocessor(pad_size_divisor=4)(img, metas)
    assert [meta['batch_input_shape'] for meta in metas] == [(8, 8), (8, 8)]
    assert [meta['pad_shape'] for meta in metas] == [(4, 8, 3), (8, 4, 3)]
    assert [meta['img_shape'] for meta in metas] == [(4, 6, 3), (5, 3, 3)]


def test_without_mean_and_std_the_pixels_stay():
    img, metas = flat((2, 2), (1, 1))
    assert torch.equal(DetDataPreprocessor()(img.clone(), metas), img)


def test_the_loaded_batch_is_not_changed():
    img, metas = flat((2, 2), (1, 1))
    before = img.clone()
    DetDataPreprocessor(MEAN, STD, bgr_to_rgb=True)(img, metas)
    DetDataPreprocessor(pad_value=7, pad_size_divisor=4)(img, metas)
    assert torch.equal(img, before)


def test_normalised_twice_is_refused():
    img, metas = flat((2, 2))
    metas[0]['img_norm_cfg'] = dict(mean=MEAN, std=STD)
    with pytest.raises(ConfigError, match=r'twice.*model\.data_preprocessor'):
        DetDataPreprocessor(MEAN, STD)(img, metas)
    assert torch.equal(DetDataPreprocessor()(img, metas), img)  # normalised once is fine


@pytest.mark.parametrize(
    ('mean', 'std', 'message'),
    [
        (MEAN, None, 'both mean and std'),
        ([120.0], [60.0], r'three numbers each, found mean=\[120.0\]'),
        ([120.0] * 3, [0.2] * 3, 'contradict'),
    ],
)
def test_impossible_mean_and_std(mean, std, message):
    with pytest.raises(ConfigError, match=message):
        DetDataPreprocessor(mean, std)


def test_mean_and_std_are_not_in_the_state_dict():
    # mmdet's files do not hold them either
    assert list(DetDataPreprocessor(MEAN, STD).state_dict()) == []


def test_a_training_batch_is_padded_to_a_fixed_size() -> None:
    pad = dict(type='BatchFixedSizePad', size=(8, 6), pad_mask=True, img_pad_value=2)
    with pytest.raises(ArgumentError, match='supports only pad_mask=False'):
        DetDataPreprocessor(batch_augments=[pad])
    preprocessor = DetDataPreprocessor(batch_augments=[{**pad, 'pad_mask': False}])
    metas = [dict(pad_shape=(4, 5, 3))]
    out = preprocessor(torch.ones(1, 3, 4, 5), metas)
    assert out.shape == (1, 3, 8, 6)
    assert out.sum() == 3 * (20 + 2 * (48 - 20))  # ones, and twos in the padding
    assert metas == [dict(pad_shape=(8, 6, 3), batch_input_shape=(8, 6))]
    assert preprocessor(torch.ones(1, 3, 9, 7), [dict(pad_shape=(9, 7, 3))]).shape[-2:] == (9, 7)
    preprocessor.eval()
    assert preprocessor(torch.ones(1, 3, 4, 5), [dict(pad_shape=(4, 5, 3))]).shape[-2:] == (4, 5)
