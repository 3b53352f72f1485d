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
        batch_augments: what happens to a training batch after that: `BatchFixedSizePad` and
            `BatchSyncRandomResize`.
    """

    def __init__(
        self,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        bgr_to_rgb: bool = False,
        pad_size_divisor: int = 1,
        pad_value: float = 0,
        batch_augments: Sequence[dict] | None = None,
    ) -> None:
        super().__init__()
        if (mean is None) != (std is None):
            raise ConfigError('model.data_preprocessor: give both mean and std, or neither')
        if mean is not None and not len(mean) == len(std) == 3:
            raise ConfigError(
                'model.data_preprocessor: mean and std are three numbers each, found '
                f'mean={list(mean)}, std={list(std)}'
            )
        if pad_size_divisor != int(pad_size_divisor) or pad_size_divisor < 1:
            raise ConfigError(
                'model.data_preprocessor.pad_size_divisor: a whole number from 1 up is expected, '
                f'found {pad_size_divisor!r}'
            )
        self.normalises = mean is not None
        self.bgr_to_rgb = bgr_to_rgb
        self.pad_size_divisor = int(pad_size_divisor)
        self.pad_value = pad_value
        self.batch_augments = nn.ModuleList(map(TASK_UTILS.build, batch_augments or []))
        if mean is not None:
            scale = normalization_scale(mean, std)
            for name, values in (('mean', mean), ('std', std)):
                buffer = Tensor([value * scale for value in values]).view(3, 1, 1)
                self.register_buffer(name, buffer, persistent=False)  # not in mmdet's files either

    @property
    def mean_std(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """For pixels of 0-255, in the order of the network's input; None: it does not normalise."""
        if not self.normalises:
            return None
        return tuple(self.mean.flatten().tolist()), tuple(self.std.flatten().tolist())

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
            img = img.flip(1)  # (N, 3, h, w): the order of the channels
        if self.normalises:
            if 'img_norm_cfg' in img_metas[0]:
                raise ConfigError(
                    'the images are normalised twice: by Normalize in the pipeline and by '
                    'model.data_preprocessor (mean, std); remove one of the two'
                )
            img = (img - self.mean) / self.std  # (N, 3, h, w) - (3, 1, 1)
        height, width = (self._padded(side) for side in img.shape[-2:])
        # (N, 3, h, w) -> (N, 3, H, W)
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
        if self.training:
            for augment in self.batch_augments:
                img = augment(img, img_metas)
        return img

    def _padded(self, side: int) -> int:
        return math.ceil(side / self.pad_size_divisor) * self.pad_size_divisor


def build_preprocessor(cfg: dict | None) -> nn.Module:
    """Builds `model.data_preprocessor`; one that changes nothing where a model has none."""
    return TASK_UTILS.build(cfg or dict(type='DetDataPreprocessor'))
