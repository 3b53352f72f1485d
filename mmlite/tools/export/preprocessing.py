"""From a picture to an exported model's input, in numbers that a file can hold.

It is what the test pipeline and the model's data_preprocessor do, for one size of input.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from mmengine.config import Config

from mmlite.datasets.transforms.geometry import resize_image, scaled_size
from mmlite.errors import ConfigError
from mmlite.models.preprocessor import DetDataPreprocessor, build_preprocessor
from mmlite.registry import TRANSFORMS, without_scope

# transforms that are not about pixels
_PASSED_OVER = ('LoadAnnotations', 'DefaultFormatBundle', 'Collect', 'PackDetInputs')
_SUPPORTED = ('LoadImageFromFile', 'Resize', 'Normalize', 'Pad', *_PASSED_OVER)


@dataclass(frozen=True)
class Preprocessing:
    """Resize, BGR to RGB, normalise, pad at the right and the bottom; see `__call__`.

    Args:
        size: (w, h) of the input in pixels.
        fit: (w, h) that a picture is resized to, or fitted into with `keep_ratio`.
        keep_ratio: whether the picture keeps its shape.
        interpolation: of the resizing, OpenCV's name.
        to_rgb: whether the channels are swapped.
        mean, std: for pixels of 0-255, in the order of the result.
        pad_value: of the padding, after normalisation.
    """

    size: tuple[int, int]
    fit: tuple[int, int]
    keep_ratio: bool
    interpolation: str
    to_rgb: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pad_value: float

    @property
    def pads(self) -> bool:
        """Whether a picture may not fill the input."""
        return self.keep_ratio or self.fit != self.size

    def __call__(self, img: np.ndarray) -> tuple[np.ndarray, tuple[int, int], np.ndarray]:
        """Prepares one picture.

        Args:
            img: (h, w, 3) BGR, 0-255.

        Returns:
            the input (3, H, W) float32; the picture's own (h, w) in it; by what its coordinates
            were multiplied, (4,) float32 as (w, h, w, h).
        """
        height, width = img.shape[:2]
        w, h = self._new_size(width, height)
        picture = resize_image(img, (w, h), self.interpolation)
        if self.to_rgb:
            picture = picture[..., ::-1]
        picture = (picture.astype(np.float32) - np.float32(self.mean)) / np.float32(self.std)
        canvas = np.full((3, self.size[1], self.size[0]), self.pad_value, np.float32)
        canvas[:, :h, :w] = picture.transpose(2, 0, 1)
        return canvas, (h, w), np.array([w / width, h / height] * 2, np.float32)

    def _new_size(self, width: int, height: int) -> tuple[int, int]:
        if not self.keep_ratio:
            return self.fit
        ratio = min(self.fit[0] / width, self.fit[1] / height)
        w, h = scaled_size(width, height, (ratio, ratio))
        return min(w, self.fit[0]), min(h, self.fit[1])

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        """The inverse of `dataclasses.asdict`, after a way through JSON."""
        kept = {field.name: values[field.name] for field in fields(cls)}
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in kept.items()})


def preprocessing_of(cfg: Config, size: tuple[int, int] | None = None) -> Preprocessing:
    """Describes what the test pipeline and the data_preprocessor of a config do.

    Args:
        cfg: the config.
        size: (w, h) of the input; None for that of the pipeline's Resize. Both are rounded up as
            the model's `pad_size_divisor` or the pipeline's Pad says.

    Raises:
        ConfigError: the pipeline has a transform that this cannot describe, or no Resize.
    """
    at = 'test_dataloader.dataset.pipeline'
    transforms = {}
    for i, transform in enumerate(cfg.test_dataloader.dataset.pipeline):
        kind = without_scope(str(transform['type']))
        if kind not in _SUPPORTED:
            raise ConfigError(
                f"{at}[{i}]: '{kind}' cannot be exported; {', '.join(_SUPPORTED)} can"
            )
        transforms[kind] = TRANSFORMS.build(transform, at=f'{at}[{i}]')
    if 'Resize' not in transforms or transforms['Resize'].scale is None:
        raise ConfigError(f'{at}: a Resize with a scale is expected, which says the size of input')
    preprocessor = build_preprocessor(cfg.model.get('data_preprocessor'))
    norm = _normalisation(transforms, preprocessor, at)
    divisor = preprocessor.pad_size_divisor
    if 'Pad' in transforms:
        divisor = int(np.lcm(divisor, _divisor_of_pad(transforms, at)))
    resize = transforms['Resize']
    fit = size or tuple(int(side) for side in resize.scale)
    size = tuple(-(-side // divisor) * divisor for side in fit)
    if resize.keep_ratio:  # the longer edge of the scale is for that of the picture
        scale = sorted(map(int, resize.scale), reverse=size[0] >= size[1])
        fit = tuple(map(min, scale, size))
    return Preprocessing(
        size, fit, bool(resize.keep_ratio), resize.interpolation, **norm,
        pad_value=float(preprocessor.pad_value),
    )  # fmt: skip


def _normalisation(transforms: dict, preprocessor: DetDataPreprocessor, at: str) -> dict[str, Any]:
    if 'Normalize' in transforms:
        if preprocessor.normalises or preprocessor.bgr_to_rgb:
            raise ConfigError(f'{at}: Normalize, and model.data_preprocessor changes colours too')
        norm = transforms['Normalize'].config
        mean, std = (tuple(v * norm['scale'] for v in norm[key]) for key in ('mean', 'std'))
        return dict(to_rgb=norm['to_rgb'], mean=mean, std=std)
    mean, std = preprocessor.mean_std or ((0.0,) * 3, (1.0,) * 3)
    return dict(to_rgb=preprocessor.bgr_to_rgb, mean=mean, std=std)


def _divisor_of_pad(transforms: dict, at: str) -> int:
    names, pad = list(transforms), transforms['Pad']
    after = 'Normalize' in transforms and names.index('Normalize') < names.index('Pad')
    if not after or pad.pad_to_square or any(pad.size) or any(np.ravel(pad.pad_val)):
        raise ConfigError(
            f'{at}: a Pad can be exported only with size_divisor, and only after Normalize'
        )
    return pad.size_divisor
