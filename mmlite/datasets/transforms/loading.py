"""From files and records to arrays: LoadImageFromFile, LoadAnnotations, FilterAnnotations."""

from __future__ import annotations

import io
import os
from typing import Any

import cv2
import numpy as np

from mmlite.datasets.bad_items import BadItemError
from mmlite.datasets.image_header import MAX_PIXELS_VARIABLE, Header, max_pixels, read_header
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

JPEG_START, JPEG_SCAN, JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'

# mmcv's names. 'color' turns the picture as its EXIF orientation says, the other one does not.
_COLOR_TYPES = {
    'color': cv2.IMREAD_COLOR,
    'color_ignore_orientation': cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION,
}


class ImageError(BadItemError):
    """An image file that is missing or cannot be decoded; the message names it and says why."""


def read_image(
    path: str, flag: int = cv2.IMREAD_COLOR, annotated_size: tuple[int, int] | None = None
) -> np.ndarray:
    """Reads an image file as (h, w, 3) BGR uint8; transparency is dropped.

    Args:
        path: of the file.
        flag: OpenCV's; the default one turns the picture as its EXIF orientation says.
        annotated_size: (w, h) of the picture that boxes were drawn on. Where that is the unturned
            one, the picture stays as stored.

    Raises:
        ImageError: there is no such file, it is empty, cut off, has too many pixels, or is nothing
            that OpenCV can decode.
    """
    data = _read_file(path)
    header = read_header(io.BytesIO(data))
    if header:
        check_pixels(path, header)
        if header.turned and header.size == annotated_size != header.shown_size:
            flag |= cv2.IMREAD_IGNORE_ORIENTATION
    if is_cut_off_jpeg(data):
        raise ImageError(
            f'{path}: the JPEG file is cut off after {len(data)} bytes (no end marker); copy it '
            'anew from its source'
        )
    try:
        img = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as error:
        raise ImageError(f'{path}: OpenCV cannot decode the image: {error}') from error
    if img is None:
        raise ImageError(
            f'{path}: OpenCV cannot decode the image ({len(data)} bytes that start with '
            f'{data[:8]!r}): damaged, or no image at all'
        )
    return img


def _read_file(path: str) -> bytes:
    try:
        # not cv2.imread: on Windows that cannot open paths beyond ASCII
        with open(path, 'rb') as file:
            data = file.read()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if not data:
        raise unreadable(path)
    return data


def unreadable(path: str, error: Exception | None = None) -> ImageError:
    """Returns the error for a file that cannot be opened, or that is empty."""
    if error is None:
        return ImageError(f'{path}: the image file is empty (0 bytes)')
    if isinstance(error, FileNotFoundError):
        target = f', it is a link to {os.readlink(path)!r}' if os.path.islink(path) else ''
        return ImageError(f'{path}: there is no such image file{target}')
    reason = getattr(error, 'strerror', None) or error  # a path with a null byte: ValueError
    return ImageError(f'{path}: the image cannot be read: {reason}')


def check_pixels(path: str, header: Header) -> None:
    """Raises ImageError if an image is larger than `max_pixels`; decoding it takes the memory."""
    (width, height), limit = header.size, max_pixels()
    if width * height > limit:
        raise ImageError(
            f'{path}: {width} x {height} is {width * height} pixels, and {limit} are allowed; '
            f'the environment variable {MAX_PIXELS_VARIABLE} raises the limit'
        )


def is_cut_off_jpeg(data: bytes) -> bool:
    """Tells whether a JPEG file ends inside its scan; OpenCV fills the rest in with grey."""
    if not data.startswith(JPEG_START) or data.endswith(JPEG_END):
        return False
    # an end marker before the last scan belongs to a thumbnail; bytes after the end are harmless
    return data.rfind(JPEG_END) <= data.rfind(JPEG_SCAN)  # equal where there is neither


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

    Raises:
        ConfigError: an argument has a value that is not supported.
        ImageError: when called, see `read_image`.
    """

    def __init__(
        self,
        to_float32: bool = False,
        color_type: str = 'color',
        imdecode_backend: str = 'cv2',
        backend_args: None = None,
    ) -> None:
        if color_type not in _COLOR_TYPES:
            raise ConfigError(
                f'LoadImageFromFile.color_type: {" or ".join(map(repr, _COLOR_TYPES))} is '
                f'supported, found {color_type!r}'
            )
        _only('LoadImageFromFile', 'imdecode_backend', imdecode_backend, 'cv2')
        _only('LoadImageFromFile', 'backend_args', backend_args, None)
        self.to_float32 = to_float32
        self.flag = _COLOR_TYPES[color_type]

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        path = results['filename'] if 'filename' in results else results['img_path']
        img = read_image(path, self.flag, (results.get('width'), results.get('height')))
        results['filename'] = results['img_path'] = path
        return set_loaded_image(results, img.astype(np.float32) if self.to_float32 else img)


def set_loaded_image(results: dict[str, Any], img: np.ndarray) -> dict[str, Any]:
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

    Boxes are taken in original pixels, wherever the step stands: mmdet's test pipelines put it
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
        raise ConfigError(f'{name}.{argument}: only {supported!r} is supported, found {found!r}')
