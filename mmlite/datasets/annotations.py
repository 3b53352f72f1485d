"""Annotations as flat arrays: in memory (`FlatRecords`) and on disk (`cached`).

A list of dicts is copied into every worker as soon as its reference counts are touched; a few
large arrays stay shared. n images, G boxes in all of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmlite.errors import ConfigError
from mmlite.files import DiskFullError, whole_file

HUGE = 10**9  # no coordinate or side in pixels: int32 and float32 must hold it
CACHE_VERSION = 2  # raise it when the arrays that a caller caches change their meaning

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
        filenames, name_starts = _join_names([self.filename(i) for i in inds])
        spans = [np.arange(self.starts[i], self.starts[i + 1]) for i in inds]
        boxes = _concatenate(spans, np.int64)
        return FlatRecords(
            self.source_inds[inds],
            filenames,
            name_starts,
            self.sizes[inds],
            _starts(np.diff(self.starts)[inds]),
            self.bboxes[boxes],
            self.labels[boxes],
            self.difficult[boxes],
        )


def pack_records(records: list[dict]) -> FlatRecords:
    """Packs the dicts that `DetDataset.load_records` describes."""
    filenames, name_starts = _join_names([record['filename'] for record in records])
    anns = [record['ann'] for record in records]
    return FlatRecords(
        np.arange(len(records)),
        filenames,
        name_starts,
        np.array([(r['width'], r['height']) for r in records], np.int32).reshape(-1, 2),
        _starts([len(ann['labels']) for ann in anns]),
        _concatenate([ann['bboxes'] for ann in anns], np.float32).reshape(-1, 4),
        _concatenate([ann['labels'] for ann in anns], np.int64),
        _concatenate([ann['difficult'] for ann in anns], bool),
    )


def cache_dir() -> Path:
    """Returns the folder of the user's cache: $MMLITE_CACHE or ~/.cache/mmlite."""
    return Path(os.environ.get('MMLITE_CACHE') or '~/.cache/mmlite').expanduser()


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
    if arrays is None:
        arrays = compute()
        with contextlib.suppress(OSError, DiskFullError, ConfigError):  # full, or not ours to write
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                np.savez(file, **arrays, **marks)
    return arrays


def _read(path: Path, marks: Arrays) -> Arrays | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            if not all(np.array_equal(stored[name], mark) for name, mark in marks.items()):
                return None
            return {name: stored[name] for name in stored.files if name not in marks}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _starts(counts: list[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _join_names(names: list[str]) -> tuple[bytes, np.ndarray]:
    encoded = [os.fsencode(name) for name in names]
    return b''.join(encoded), _starts([len(name) for name in encoded])


def _concatenate(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(arrays).astype(dtype) if arrays else np.zeros(0, dtype)
