"""From files and records to arrays: LoadImageFromFile, LoadAnnotations, FilterAnnotations."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from mmlite.datasets.encoded_image import EncodedImage, open_image
from mmlite.datasets.image_cache import ImageCache
from mmlite.datasets.picture_sizes import report_other_size
from mmlite.datasets.transforms.geometry import AnyPicture
from mmlite.datasets.transforms.window import Window
from mmlite.errors import BOXES_ONLY, ConfigError
from mmlite.registry import TRANSFORMS

# mmcv's names. 'color' turns the picture as its EXIF orientation says, the other one does not.
_COLOR_TYPES = {
    'color': cv2.IMREAD_COLOR,
    'color_ignore_orientation': cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
}
_CACHES = (None, 'encoded', 'decoded')


@TRANSFORMS.register_module()
class LoadImageFromFile:
    """Reads `results['filename']` (or mmdet 3.x's `img_path`) into `img` (h, w, 3) BGR.

    Also sets both names of the file, `ori_shape`, `img_shape`, `pad_shape` (h, w, c),
    `scale_factor` ones (4,), `flip` False and `flip_direction` None.

    Where `width` and `height` of the sample are those of the picture as stored, its boxes were
    drawn on that, and EXIF does not turn it.

    Args:
        to_float32: float32 in place of uint8, 0-255 as well.
        color_type: 'color' (turned as EXIF says, as in mmdet) or 'color_ignore_orientation'
            (never turned).
        imdecode_backend: only 'cv2'.
        backend_args: only None: files on a disk.
        reduced_decode: decodes a JPEG at a half, a quarter or an eighth of its size where the
            steps that follow (Expand, MinIoURandomCrop, Resize) shrink it at least as much. Less
            work, but other pixels: an average of those that bilinear resizing would leave out.
        cache: 'encoded' keeps the files in memory, 'decoded' the pictures; a file that changes
            meanwhile is not read again. Each worker has a cache of its own, see `ImageCache`.
        cache_mb: 10^6 bytes that a cache may hold; further images are loaded each time.

    Raises:
        ConfigError: an argument has a value that is not supported, or two exclude each other.
        ImageError: when called, see `read_image`.
    """

    takes_window = True

    def __init__(
        self,
        to_float32: bool = False,
        color_type: str = 'color',
        imdecode_backend: str = 'cv2',
        backend_args: None = None,
        reduced_decode: bool = False,
        cache: str | None = None,
        cache_mb: float = 1000,
    ) -> None:
        if color_type not in _COLOR_TYPES:
            raise ConfigError(
                f'LoadImageFromFile.color_type: {" or ".join(map(repr, _COLOR_TYPES))} is '
                f'supported, found {color_type!r}'
            )
        _only('LoadImageFromFile', 'imdecode_backend', imdecode_backend, 'cv2')
        _only('LoadImageFromFile', 'backend_args', backend_args, None)
        if cache not in _CACHES:
            raise ConfigError(
                f'LoadImageFromFile.cache: one of {_CACHES} is expected, found {cache!r}'
            )
        if reduced_decode and (to_float32 or cache == 'decoded'):
            raise ConfigError(
                'LoadImageFromFile: reduced_decode=True excludes to_float32=True and '
                "cache='decoded', which are about whole pictures"
            )
        self.to_float32 = to_float32
        self.flag = _COLOR_TYPES[color_type]
        self.reduced_decode = reduced_decode
        self.encoded = ImageCache[EncodedImage](1e6 * cache_mb if cache == 'encoded' else 0)
        self.decoded = ImageCache[np.ndarray](1e6 * cache_mb if cache == 'decoded' else 0)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        key = _file_and_size(results)
        img = self.decoded.get(key, lambda: self._open(*key).decode())
        report_other_size(results, img.shape)
        return set_loaded_image(results, img.astype(np.float32) if self.to_float32 else img)

    def open_window(self, results: dict[str, Any]) -> dict[str, Any]:
        """As when called, but with `reduced_decode` a JPEG becomes a Window on what is encoded."""
        image = self._open(*_file_and_size(results)) if self.reduced_decode else None
        if image is None or not image.is_reducible:
            return self(results)
        report_other_size(results, image.shape)
        return set_loaded_image(results, Window.of(image))

    def _open(self, path: str, annotated_size: tuple[int, int]) -> EncodedImage:
        return self.encoded.get(
            (path, annotated_size), lambda: open_image(path, self.flag, annotated_size)
        )


def _file_and_size(results: dict[str, Any]) -> tuple[str, tuple[int, int]]:
    """Returns the file of a sample, under both its names from now on, and its annotated (w, h)."""
    path = results['filename'] if 'filename' in results else results['img_path']
    results['filename'] = results['img_path'] = path
    return path, (results.get('width'), results.get('height'))


def set_loaded_image(results: dict[str, Any], img: AnyPicture) -> dict[str, Any]:
    """Puts a fresh (h, w, 3) BGR picture and what later steps keep up to date into `results`."""
    results['img'] = img
    results['ori_shape'] = results['img_shape'] = results['pad_shape'] = img.shape
    results['scale_factor'] = np.ones(4, np.float32)
    results['flip'] = False
    results['flip_direction'] = None
    return results


@TRANSFORMS.register_module()
class LoadAnnotations:
    """Copies `results['ann']` into `gt_bboxes`, `gt_bboxes_ignore` and `gt_labels`.

    Boxes are taken in original pixels, wherever the step is: mmdet's test pipelines put it
    after Resize on purpose. A sample without `ann`, such as a lone picture, gets empty arrays.

    Args:
        with_bbox: set `gt_bboxes` float32 (g, 4) and `gt_bboxes_ignore` float32 (k, 4), xyxy.
        with_label: set `gt_labels` int64 (g,), 1..C.
        with_mask: only False.
        with_seg: only False.
        box_type: 'hbox' or None; both mean arrays.

    Raises:
        ConfigError: an argument has a value that is not supported.
    """

    takes_window = True

    def __init__(
        self,
        with_bbox: bool = True,
        with_label: bool = True,
        with_mask: bool = False,
        with_seg: bool = False,
        box_type: str | None = 'hbox',
    ) -> None:
        _only('LoadAnnotations', 'with_mask', with_mask, False)
        _only('LoadAnnotations', 'with_seg', with_seg, False)
        if box_type is not None:
            _only('LoadAnnotations', 'box_type', box_type, 'hbox')
        self.with_bbox = with_bbox
        self.with_label = with_label

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        ann = results.get('ann') or {}
        if self.with_bbox:
            results['gt_bboxes'] = _boxes(ann.get('bboxes', ()))
            results['gt_bboxes_ignore'] = _boxes(ann.get('bboxes_ignore', ()))
        if self.with_label:
            results['gt_labels'] = np.array(ann.get('labels', ()), np.int64)
        return results


@TRANSFORMS.register_module()
class FilterAnnotations:
    """Drops boxes that are not wider and higher than `min_gt_bbox_wh`, ignored ones too.

    Args:
        min_gt_bbox_wh: (w, h) in pixels of the picture as it then is.
        keep_empty: True: return None where no ground-truth box is left, so that another sample
            is taken. The name is mmdet's and says the opposite. A picture that had no box to
            begin with passes either way, as there.
    """

    takes_window = True

    def __init__(
        self, min_gt_bbox_wh: tuple[float, float] = (1, 1), keep_empty: bool = True
    ) -> None:
        self.min_gt_bbox_wh = min_gt_bbox_wh
        self.keep_empty = keep_empty

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        if 'gt_bboxes_ignore' in results:
            ignored = results['gt_bboxes_ignore']
            results['gt_bboxes_ignore'] = ignored[self._large(ignored)]
        keep = self._large(results['gt_bboxes'])
        if self.keep_empty and len(keep) and not keep.any():
            return None
        for key in ('gt_bboxes', 'gt_labels'):
            if key in results:
                results[key] = results[key][keep]
        return results

    def _large(self, bboxes: np.ndarray) -> np.ndarray:
        return (bboxes[:, 2:] - bboxes[:, :2] > self.min_gt_bbox_wh).all(1)


def _boxes(values: Any) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, 4)


def _only(name: str, argument: str, found: Any, supported: Any) -> None:
    """Raises ConfigError where an argument of mmdet's has a value that is not supported."""
    if found != supported:
        instead = f'. {BOXES_ONLY}' if argument == 'with_mask' else ''
        raise ConfigError(
            f'{name}.{argument}: only {supported!r} is supported, found {found!r}{instead}'
        )
