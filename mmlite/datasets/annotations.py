"""Annotations as flat arrays: in memory (`FlatRecords`) and on disk (`cached`).

A list of dicts is copied into every worker as soon as its reference counts are touched; a few
large arrays stay shared. n images, G boxes in all of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmlite.errors import ConfigError
from mmlite.support.arrays import runs
from mmlite.support.cache import cache_dir, mark_used
from mmlite.support.files import DiskFullError, whole_file

HUGE = 10**9  # no coordinate or side in pixels: int32 and float32 must hold it
_WORTH_SAYING = 1.0  # MB
CACHE_VERSION = 5  # raise it when the arrays that a caller caches change their meaning

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class FlatRecords:
    """The records of a data set, image after image.

    Attributes:
        source_inds: (n,) int64; the index of each image in the list that was packed.
        filenames: all file names as one bytes object.
        name_starts: (n + 1,) int64; the name of image i is name_starts[i]:name_starts[i + 1].
        sizes: (n, 2) int32, width and height in pixels; 0 where unknown.
        starts: (n + 1,) int64; the boxes of image i are the rows starts[i]:starts[i + 1].
        bboxes: (G, 4) float32, xyxy in original pixels.
        labels: (G,) int64, 1..C.
        difficult: (G,) bool.
    """

    source_inds: np.ndarray
    filenames: bytes
    name_starts: np.ndarray
    sizes: np.ndarray
    starts: np.ndarray
    bboxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    def filename(self, i: int) -> str:
        """Returns the file name of image i."""
        return os.fsdecode(self.filenames[self.name_starts[i] : self.name_starts[i + 1]])

    def all_filenames(self) -> list[str]:
        """Returns the file names of all images."""
        return [os.fsdecode(name) for name in self._encoded_names()]

    def rows(self, i: int) -> slice:
        """Returns the rows of the boxes of image i."""
        return slice(self.starts[i], self.starts[i + 1])

    @property
    def image_inds(self) -> np.ndarray:
        """(G,) int64: the image that each box belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def keep_boxes(self, keep: np.ndarray) -> FlatRecords:
        """Returns the records with the boxes where `keep` (G,) is True; every image stays."""
        counts = np.bincount(self.image_inds[keep], minlength=len(self))
        return replace(
            self,
            starts=_starts(counts),
            bboxes=self.bboxes[keep],
            labels=self.labels[keep],
            difficult=self.difficult[keep],
        )

    def take(self, inds: Sequence[int]) -> FlatRecords:
        """Returns the records of these images, in this order, with their boxes."""
        inds = np.asarray(inds, np.int64)
        names = self._encoded_names()
        counts = np.diff(self.starts)[inds]
        starts = _starts(counts)
        boxes = runs(self.starts[inds], counts)
        return FlatRecords(
            self.source_inds[inds],
            *_join_names([names[i] for i in inds.tolist()]),
            self.sizes[inds],
            starts,
            self.bboxes[boxes],
            self.labels[boxes],
            self.difficult[boxes],
        )

    def _encoded_names(self) -> list[bytes]:
        starts = self.name_starts.tolist()
        return [self.filenames[start:end] for start, end in itertools.pairwise(starts)]


def flat_records(
    filenames: Sequence[str],
    sizes: np.ndarray,
    counts: Sequence[int] | np.ndarray,
    bboxes: np.ndarray,
    labels: np.ndarray,
    difficult: np.ndarray,
) -> FlatRecords:
    """Makes records of all images at once.

    Args:
        filenames: n absolute file names.
        sizes: (n, 2), width and height in pixels; 0 where unknown.
        counts: (n,), the number of boxes of each image.
        bboxes, labels, difficult: (G, 4), (G,) and (G,), image after image, see `FlatRecords`.
    """
    return FlatRecords(
        np.arange(len(filenames)),
        *_join_names([os.fsencode(name) for name in filenames]),
        np.asarray(sizes, np.int32).reshape(-1, 2),
        _starts(counts),
        bboxes.astype(np.float32).reshape(-1, 4),
        labels.astype(np.int64),
        difficult.astype(bool),
    )


def pack_records(records: list[dict]) -> FlatRecords:
    """Packs the dicts that `DetDataset.load_records` describes."""
    anns = [record['ann'] for record in records]
    return flat_records(
        [record['filename'] for record in records],
        np.array([(record['width'], record['height']) for record in records], np.int32),
        [len(ann['labels']) for ann in anns],
        _concatenate([ann['bboxes'] for ann in anns]),
        _concatenate([ann['labels'] for ann in anns]),
        _concatenate([ann['difficult'] for ann in anns]),
    )


def cached(key: str, fingerprint: Arrays, compute: Callable[[], Arrays]) -> Arrays:
    """Returns `compute()`, or what it returned in an earlier run for the same fingerprint.

    Args:
        key: what is cached, such as the absolute paths of its sources; one file stands for each.
        fingerprint: arrays that change when the sources do, such as sizes and times of files.
        compute: returns named arrays without Python objects.

    A cache that cannot be read or written costs time, never the run.
    """
    path = cache_dir() / f'annotations-{hashlib.sha256(os.fsencode(key)).hexdigest()[:24]}.npz'
    marks = {f'fingerprint_{name}': array for name, array in fingerprint.items()}
    marks['fingerprint_version'] = np.array(CACHE_VERSION)
    arrays = _read(path, marks)
    if arrays is not None:
        mark_used(path)
    else:
        arrays = compute()
        with contextlib.suppress(OSError, DiskFullError, ConfigError):  # full, or not ours to write
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                np.savez(file, **arrays, **marks)
            _say_where(path)
    return arrays


def _say_where(path: Path) -> None:
    """A user should not have to search for what fills the disk."""
    size = path.stat().st_size / 1e6
    if size >= _WORTH_SAYING:
        print_log(
            f'What was read is kept for the next run: {path} ({size:.0f} MB); `mmlite cache` shows '
            'and empties the cache',
            'current',
        )


def _read(path: Path, marks: Arrays) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            if not all(np.array_equal(stored[name], mark) for name, mark in marks.items()):
                return None
            return {name: stored[name] for name in stored.files if name not in marks}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _starts(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _join_names(names: list[bytes]) -> tuple[bytes, np.ndarray]:
    return b''.join(names), _starts([len(name) for name in names])


def _concatenate(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0)
