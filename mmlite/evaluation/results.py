"""Results in the (n_imgs)(n_class)(k, 5) form, and the files that hold them.

`results[i][c]` holds the detections of image i with label c + 1 as (k, 5) rows: x1, y1, x2, y2 in
pixels of the original image, score. `bbox2result` makes them float32, as networks give them; files
of float64 are kept as they are, since a comparison with a threshold may notice the difference.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from mmlite.errors import ConfigError, DataError
from mmlite.evaluation.detections import kept_precision
from mmlite.support.files import whole_file

SUFFIXES = ('.pkl', '.pickle')


def bbox2result(det: Mapping[str, Any], num_classes: int) -> list[np.ndarray]:
    """Sorts one image's detections by class.

    Args:
        det: `bboxes` (n, 4) xyxy, `scores` (n,) and `labels` (n,) 1..num_classes, tensors on any
            device or arrays.
        num_classes: C.

    Returns:
        C arrays (k, 5) float32 in the order of `det`, (0, 5) where a class has none.

    Raises:
        ValueError: a label is not in 1..C, or lengths differ.
    """
    rows = labelled_rows(det, num_classes)
    edges = np.searchsorted(rows[:, 5], np.arange(1, num_classes + 2))
    return [rows[a:b, :5].astype(np.float32) for a, b in pairwise(edges)]


def labelled_rows(det: Mapping[str, Any], num_classes: int) -> np.ndarray:
    """Returns one image's detections as (n, 6) rows: x1, y1, x2, y2, score, label.

    Labels ascend, and within one the order is that of `det`. Rows are float32, which holds a label
    exactly, or float64 where boxes or scores are.
    Arguments and errors as of `bbox2result`.
    """
    bboxes, scores, labels = (_to_numpy(det[key]) for key in ('bboxes', 'scores', 'labels'))
    if not len(bboxes) == len(scores) == len(labels):
        raise ValueError(
            f'{len(bboxes)} bboxes, {len(scores)} scores and {len(labels)} labels in one image'
        )
    if len(labels) and not 1 <= labels.min() <= labels.max() <= num_classes:
        raise ValueError(
            f'labels 1..{num_classes} are expected (0 is background), found '
            f'{labels.min()}..{labels.max()}'
        )
    dtype = kept_precision(bboxes.dtype, scores.dtype) if len(labels) else np.float32
    rows = np.empty((len(labels), 6), dtype)
    order = np.argsort(labels, kind='stable')
    rows[:, :4] = bboxes.reshape(-1, 4)[order]
    rows[:, 4], rows[:, 5] = scores.reshape(-1)[order], labels[order]
    return rows


def result2bbox(result: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `bbox2result`: `bboxes` (n, 4), `scores` (n,) and `labels` (n,) 1..C.

    Args:
        result: for each class (k, 5): x1, y1, x2, y2, score.
    """
    rows = np.concatenate([np.zeros((0, 5), np.float32), *result])
    labels = np.repeat(np.arange(1, len(result) + 1), [len(r) for r in result])
    return dict(bboxes=rows[:, :4], scores=rows[:, 4], labels=labels)


def check_results_path(path: str | os.PathLike) -> Path:
    """Returns `path`; raises ConfigError if it does not end as a results file does."""
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: a results file ends in '.pkl' or '.pickle'")
    return path


def save_results(results: Sequence[Sequence[np.ndarray]], path: str | os.PathLike) -> None:
    """Pickles `results` as lists; the file appears whole or, if the run is stopped, not at all."""
    path = check_results_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        pickle.dump(list(results), file, protocol=4)


def load_results(
    path: str | os.PathLike, num_images: int, num_classes: int
) -> list[list[np.ndarray]]:
    """Reads a results file, without running any code that it may hold.

    Args:
        path: pickled lists and arrays, as `save_results` and mmdet 2.x's `--out` write them.
        num_images, num_classes: of the data set that the results are of.

    Raises:
        DataError: there is no such file, or it holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f'{path}: no such results file (tools/test.py --out writes one)')
    try:
        with path.open('rb') as file:
            results = _ArraysOnly(file).load()
    except Exception as error:  # a broken pickle raises nearly anything
        raise DataError(f'{path}: not a file of results: {error}') from error
    return _checked(results, path, num_images, num_classes)


def _checked(results: Any, path: Path, num_images: int, num_classes: int) -> list[list[np.ndarray]]:
    def check(fits: bool, where: str, expected: str, found: str) -> None:
        if not fits:
            raise DataError(f'{path}: {where}: {expected} expected, {found} found')

    def count(value: Any) -> str:
        return str(len(value)) if isinstance(value, list) else type(value).__name__

    check(_is_list(results, num_images), 'images', f'{num_images} are', count(results))
    for i, image in enumerate(results):
        check(
            _is_list(image, num_classes), f'image {i}: classes', f'{num_classes} are', count(image)
        )
        for c, rows in enumerate(image):
            shape = getattr(rows, 'shape', ())
            numeric = isinstance(rows, np.ndarray) and rows.dtype.kind in 'fiu'
            fits = numeric and len(shape) == 2 and shape[1] == 5
            found = f'{type(rows).__name__} {shape}'
            check(fits, f'image {i}, class {c}', 'an array of numbers (k, 5) is', found)
            whole = bool(np.isfinite(rows).all())
            check(whole, f'image {i}, class {c}', 'finite numbers are', 'NaN or infinity')
    size = sum(rows.nbytes for image in results for rows in image)
    most = path.stat().st_size
    check(size <= most, 'arrays', f'up to {most} bytes are', str(size))  # a file may ask for more
    return [[rows.astype(kept_precision(rows.dtype)) for rows in image] for image in results]


def _is_list(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Pickles of protocol 2, which mmdet 2.x writes, hold an array's bytes as latin1 text."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f"bytes in the encoding '{encoding}'")
    return text.encode('latin1')


def _no_bytes() -> bytes:
    """And where there are none, a call of `bytes` without arguments."""
    return b''


class _ArraysOnly(pickle.Unpickler):
    """Reads only pickled arrays, under the names of numpy 1 and 2."""

    _rebuild = staticmethod(np.empty(0).__reduce__()[0])
    _from_buffer = staticmethod(np.empty(0).__reduce_ex__(5)[0])

    def find_class(self, module: str, name: str) -> Any:
        known = {
            'numpy.ndarray': np.ndarray,
            'numpy.dtype': np.dtype,
            'numpy.core.multiarray._reconstruct': self._rebuild,
            'numpy._core.multiarray._reconstruct': self._rebuild,
            'numpy.core.numeric._frombuffer': self._from_buffer,
            'numpy._core.numeric._frombuffer': self._from_buffer,
            '_codecs.encode': _encode_latin1,
            '__builtin__.bytes': _no_bytes,
        }
        if f'{module}.{name}' in known:
            return known[f'{module}.{name}']
        if module.startswith('torch'):
            raise pickle.UnpicklingError(
                'it holds torch tensors, as the list of dicts does that mmdet 3.x writes; lists of '
                'numpy arrays, one (k, 5) array a class and image, are expected'
            )
        raise pickle.UnpicklingError(f"it asks for '{module}.{name}'; only numpy arrays are read")


def _to_numpy(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if hasattr(values, 'detach') else np.asarray(values)
