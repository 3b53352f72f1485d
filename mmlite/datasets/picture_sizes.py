"""Width and height of an annotation file against those of the pictures."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmlite.datasets.annotations import FlatRecords
from mmlite.datasets.image_files import Heads

_ROUNDING = 1.0  # px by which a side may differ after a picture was scaled

_reported: set[str] = set()  # folders of which a picture was named, in this process


def loaded_sizes(heads: Heads, annotated: np.ndarray, ignore_orientation: bool) -> np.ndarray:
    """Returns (n, 2), the (w, h) that LoadImageFromFile gives the pictures; 0 where unknown.

    Args:
        heads: of the n files.
        annotated: (n, 2), the sizes in the annotation file. Where one is that of the picture as
            stored, EXIF does not turn it (see `open_image`).
        ignore_orientation: EXIF never turns a picture.
    """
    drawn_on_stored = (annotated == heads.sizes).all(axis=1)
    turned = heads.turned & ~drawn_on_stored & (not ignore_orientation)
    return np.where(turned[:, None], heads.sizes[:, ::-1], heads.sizes)


def doubtful_sizes(records: FlatRecords, loaded: np.ndarray) -> list[int]:
    """Returns the images whose size is to be asked of the picture, as no head was read for it.

    These are the images without a size, and those that a box sticks out of: often width and
    height are swapped.
    """
    limits = records.sizes[records.image_inds]
    doubtful = (records.sizes <= 0).any(axis=1)
    doubtful[records.image_inds[(records.bboxes[:, 2:] > limits).any(axis=1)]] = True
    return np.flatnonzero(doubtful & (loaded <= 0).any(axis=1)).tolist()


def compared_sizes(
    annotated: np.ndarray, loaded: np.ndarray, filenames: Sequence[str]
) -> tuple[np.ndarray, str]:
    """Returns the sizes that count, and what to say where the annotation file has others.

    Args:
        annotated: (n, 2) int32, (w, h) of the annotation file; 0 where unknown.
        loaded: (n, 2) int32, of the pictures; 0 where unknown.
        filenames: of the n images.

    Returns:
        (n, 2) int32: the picture's size where it is known; and a text, '' if there is no more to
        say.
    """
    known = (loaded > 0).all(axis=1)
    sizes = np.where(known[:, None], loaded, annotated).astype(np.int32)
    differs = known & (annotated > 0).all(axis=1) & (annotated != loaded).any(axis=1)
    if not differs.any():
        return sizes, ''
    swapped = differs & (annotated == loaded[:, ::-1]).all(axis=1)
    scaled = differs & ~swapped & _same_shape(annotated, loaded)
    kinds = {
        'have the two swapped': swapped,
        'have a picture that was scaled: were the boxes scaled too?': scaled,
        'have another shape': differs & ~swapped & ~scaled,
    }
    first = int(np.flatnonzero(differs)[0])
    said, found = (f'{width} x {height}' for width, height in (annotated[first], loaded[first]))
    parts = ', '.join(f'{mask.sum()} {kind}' for kind, mask in kinds.items() if mask.any())
    return sizes, (
        f'{differs.sum()} images have another width and height than their annotation says, and '
        f"the picture's count ({parts}); the first is {filenames[first]}: {found} pixels, "
        f'annotated as {said}'
    )


def _same_shape(annotated: np.ndarray, loaded: np.ndarray) -> np.ndarray:
    """Returns (n,) bool: one size is a multiple of the other, up to rounding."""
    small = np.minimum(annotated, loaded).astype(np.float64)
    large = np.maximum(annotated, loaded).astype(np.float64)
    one_way = (small == annotated).all(axis=1) | (small == loaded).all(axis=1)
    factor = large / np.maximum(small, 1)
    expected = large / np.maximum(factor[:, ::-1], 1)  # each side by the other one's factor
    return one_way & (np.abs(expected - small) <= _ROUNDING).all(axis=1)


def report_other_size(results: dict[str, Any], shape: Sequence[int]) -> None:
    """Warns of a decoded picture (h, w, ...) whose size is not its record's, once for a folder.

    The heads of the files are compared at the start; this is for sizes that only a decoder
    finds, and for files that changed since.
    """
    annotated, found = (results.get('width'), results.get('height')), (shape[1], shape[0])
    if not all(annotated) or annotated == found:
        return
    folder = os.path.dirname(results['filename'])
    if folder not in _reported:
        _reported.add(folder)
        print_log(
            f'{results["filename"]}: the picture is {found[0]} x {found[1]}, and its record says '
            f'{annotated[0]} x {annotated[1]}: its boxes may be of another picture. Further images '
            'of this folder are not named',
            logger='current',
            level=logging.WARNING,
        )
