"""The end of the pipeline, arrays to DataContainers, and the way back to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mmlite.datasets.transforms.normalize import denormalize_image
from mmlite.errors import ConfigError, did_you_mean
from mmlite.ops.normalization import normalization_scale
from mmlite.parallel import DataContainer, to_tensor
from mmlite.registry import TRANSFORMS

if TYPE_CHECKING:
    from torch import Tensor

# what a data set and this module say about a sample, for the count of images and boxes
MARKS = ('skipped_files', 'lost_boxes')
GT_KEYS = ('gt_bboxes', 'gt_labels', 'gt_bboxes_ignore')
DEFAULT_META_KEYS = (
    'filename',
    'ori_filename',
    'img_id',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'border',
    'flip',
    'flip_direction',
    'img_norm_cfg',
)


def image_to_chw(img: np.ndarray) -> np.ndarray:
    """Returns an (h, w, c) picture as a contiguous (c, h, w) array of the same dtype."""
    planes = np.empty((img.shape[2], *img.shape[:2]), img.dtype)
    cv2.split(img, list(planes))  # ten times as fast as a copy of the transposed view
    return planes


def inverse_transform(
    img: Tensor,
    img_meta: dict[str, Any] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    to_rgb: bool = True,
) -> np.ndarray:
    """Returns the picture that a tensor of the model's input shows, without its padding.

    Args:
        img: (3, h, w) on any device, of any float dtype or uint8.
        img_meta: its `img_norm_cfg`, if the pipeline normalised, counts before the arguments
            below; its `img_shape` says where the padding starts.
        mean: as in `model.data_preprocessor`, of either kind (`normalization_scale`). Without
            a mean from either side the tensor is taken for the loader's own BGR picture, 0-255.
        std: likewise; 1 where only `mean` is given.
        to_rgb: whether the normalisation turned BGR to RGB.

    Returns:
        (h, w, 3) BGR uint8, contiguous, h and w of `img_shape`: for OpenCV to draw on.

    Raises:
        ValueError: `img` is not (3, h, w).
    """
    if img.ndim != 3 or img.shape[0] != 3:
        raise ValueError(f'one picture (3, h, w) is expected, found {tuple(img.shape)}')
    meta = img_meta or {}
    picture = img.detach().cpu().float().numpy().transpose(1, 2, 0)
    if 'img_shape' in meta:
        height, width = meta['img_shape'][:2]
        picture = picture[:height, :width]
    norm = meta.get('img_norm_cfg')
    if norm is None and mean is not None:
        std = (1.0,) * len(mean) if std is None else std
        norm = dict(mean=mean, std=std, to_rgb=to_rgb, scale=normalization_scale(mean, std))
    if norm is not None:
        picture = denormalize_image(picture, **norm)
    return np.ascontiguousarray(np.clip(picture, 0, 255).round().astype(np.uint8))


@TRANSFORMS.register_module()
class DefaultFormatBundle:
    """Wraps what the model takes in DataContainers.

    `img` (h, w, 3) becomes a (3, h, w) tensor of the same dtype, to be stacked and padded with
    0; `gt_bboxes`, `gt_labels` and `gt_bboxes_ignore`, where loaded, become tensors that stay a
    list in the batch, without the boxes that have no size. The meta data that every model needs
    are filled in from the picture where no step has set them.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if 'img' in results:
            img = results['img']
            for key in ('ori_shape', 'img_shape', 'pad_shape'):
                results.setdefault(key, img.shape)
            results.setdefault('scale_factor', np.ones(4, np.float32))
            tensor = to_tensor(image_to_chw(img), 'img')
            results['img'] = DataContainer(tensor, stack=True, padding_value=0)
        drop_sizeless_boxes(results)
        for key in GT_KEYS:
            if key in results:
                results[key] = DataContainer(to_tensor(results[key], key))
        return results


def drop_sizeless_boxes(results: dict[str, Any]) -> None:
    """Leaves out boxes without width or height, or with a number that is not finite.

    Transforms make them by cutting and scaling, and no loss should see them. Their number is
    written into `lost_boxes`, where there are any.

    Raises:
        ValueError: there is not one label for each box.
    """
    lost = 0
    for key in ('gt_bboxes', 'gt_bboxes_ignore'):
        if key not in results:
            continue
        bboxes = np.asarray(results[key], np.float32).reshape(-1, 4)
        kept = has_size(bboxes)
        if key == 'gt_bboxes' and 'gt_labels' in results:
            labels = results['gt_labels']
            if len(labels) != len(bboxes):
                raise ValueError(
                    f'{len(bboxes)} gt_bboxes and {len(labels)} gt_labels: a transform that drops '
                    'boxes has to drop their labels'
                )
            results['gt_labels'] = labels if kept.all() else np.asarray(labels)[kept]
        if not kept.all():
            results[key] = bboxes[kept]
            lost += int((~kept).sum())
    if lost:
        results['lost_boxes'] = results.get('lost_boxes', 0) + lost


def has_size(bboxes: np.ndarray) -> np.ndarray:
    """Returns (n,) bool: boxes (n, 4) xyxy of finite numbers, wider and higher than 0."""
    finite = np.isfinite(bboxes).all(axis=1)
    return finite & (bboxes[:, 2:] > bboxes[:, :2]).all(axis=1)


@TRANSFORMS.register_module()
class Collect:
    """Keeps `keys` and gathers `meta_keys` in `img_metas`, a DataContainer that never moves.

    Args:
        keys: what the model takes, such as ['img', 'gt_bboxes', 'gt_labels'].
        meta_keys: what goes into the dict `img_metas`; those that the sample lacks are left out.

    Raises:
        ConfigError: when called, the sample lacks one of `keys`.
    """

    def __init__(self, keys: Sequence[str], meta_keys: Sequence[str] = DEFAULT_META_KEYS) -> None:
        self.keys = tuple(keys)
        self.meta_keys = tuple(meta_keys)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        missing = [key for key in self.keys if key not in results]
        if missing:
            raise ConfigError(
                f"Collect.keys: no step of the pipeline has set '{missing[0]}'."
                f'{did_you_mean(missing[0], results)} The sample of '
                f'{results.get("filename", "no file")} holds: {", ".join(results)}.'
            )
        return {
            'img_metas': _metas(results, self.meta_keys),
            **{key: results[key] for key in self.keys},
        }


@TRANSFORMS.register_module()
class PackDetInputs:
    """mmdet 3.x's last step: DefaultFormatBundle and Collect of the picture and what is loaded.

    Args:
        meta_keys: meta data beyond the default ones, which are always kept as the model and the
            metrics need them.
    """

    def __init__(self, meta_keys: Sequence[str] = DEFAULT_META_KEYS) -> None:
        self.meta_keys = tuple(dict.fromkeys((*DEFAULT_META_KEYS, *meta_keys)))
        self.bundle = DefaultFormatBundle()

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results = self.bundle(results)
        keys = [key for key in GT_KEYS if key in results]
        return Collect(['img', *keys], self.meta_keys)(results)


def _metas(results: dict[str, Any], keys: Sequence[str]) -> DataContainer:
    kept = {key: results[key] for key in (*keys, *MARKS) if key in results}
    return DataContainer(kept, cpu_only=True)
