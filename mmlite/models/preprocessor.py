"""What a batch goes through on the device before the backbone sees it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.ops.normalization import normalization_scale
from mmlite.registry import TASK_UTILS


@TASK_UTILS.register_module()
class DetDataPreprocessor(nn.Module):
    """BGR to RGB, normalise, pad to a divisor; padding is 0 in normalised space.

    Args:
        mean, std: three numbers each, in RGB order, on the 0-255 or on the 0-1 scale; None where
            the pipeline has normalised already.
        bgr_to_rgb: swap the channels.
        pad_size_divisor: height and width become multiples of it.
        pad_value: value of the padding.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        bgr_to_rgb: bool = False,
        pad_size_divisor: int = 1,
        pad_value: float = 0,
    ) -> None:
        super().__init__()
        if (mean is None) != (std is None):
            raise ConfigError('model.data_preprocessor: give both mean and std, or neither')
        if mean is not None and not len(mean) == len(std) == 3:
            raise ConfigError(
                'model.data_preprocessor: mean and std are three numbers each, found '
                f'mean={list(mean)}, std={list(std)}'
            )
        self.normalises = mean is not None
        self.bgr_to_rgb = bgr_to_rgb
        self.pad_size_divisor = pad_size_divisor
        self.pad_value = pad_value
        if mean is not None:
            scale = normalization_scale(mean, std)
            for name, values in (('mean', mean), ('std', std)):
                buffer = Tensor([value * scale for value in values]).view(3, 1, 1)
                self.register_buffer(name, buffer, persistent=False)  # not in mmdet's files either

    def forward(self, img: Tensor, img_metas: list[dict]) -> Tensor:
        """Returns the network's input (N, 3, H, W) float32.

        Args:
            img: (N, 3, h, w) float32, padded at the right and bottom by `collate`.
            img_metas: per image; `batch_input_shape` (H, W) and the image's own `pad_shape` are
                written into them.

        Raises:
            ConfigError: the pipeline and this preprocessor both normalise.
        """
        if self.bgr_to_rgb:
            img = img.flip(1)
        if self.normalises:
            if 'img_norm_cfg' in img_metas[0]:
                raise ConfigError(
                    'the images are normalised twice: by Normalize in the pipeline and by '
                    'model.data_preprocessor (mean, std); remove one of the two'
                )
            img = (img - self.mean) / self.std
        height, width = (self._padded(side) for side in img.shape[-2:])
        img = F.pad(
            img, (0, width - img.shape[-1], 0, height - img.shape[-2]), value=self.pad_value
        )
        for i, meta in enumerate(img_metas):
            own_height, own_width = meta['pad_shape'][:2]
            if self.normalises:  # what collate padded before it was normalised
                img[i, :, own_height:] = self.pad_value
                img[i, :, :, own_width:] = self.pad_value
            meta['batch_input_shape'] = (height, width)
            meta['pad_shape'] = (self._padded(own_height), self._padded(own_width), 3)
        return img

    def _padded(self, side: int) -> int:
        return math.ceil(side / self.pad_size_divisor) * self.pad_size_divisor
