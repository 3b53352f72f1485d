"""DetDataset: what all detection data sets share. A subclass writes `load_records`, no more."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import cv2
import numpy as np
from mmengine.logging import print_log

from mmlite.datasets.annotations import FlatRecords, pack_records
from mmlite.datasets.class_names import check_metainfo, compare_classes, counts_text, near_names
from mmlite.datasets.loader import SeededDataset
from mmlite.datasets.paths import missing_data, resolve_data_root
from mmlite.datasets.transforms import Compose
from mmlite.datasets.transforms.loading import ImageError
from mmlite.errors import ConfigError, DataError, did_you_mean

FILTERS = ('filter_empty_gt', 'min_size', 'bbox_min_size')

_reported: set[str] = set()  # unreadable files are logged once per process


class DetDataset(SeededDataset):
    """A data set for detection: records in flat arrays, samples through a pipeline.

    Args:
        ann_file: annotation file, relative to `data_root`.
        metainfo: dict(classes=('a', 'b')) in place of `METAINFO`; classes='auto' or None takes
            the names found in the data, sorted. Other keys are handed on in `metainfo`.
        data_root: folder of the data; a relative one is looked for in the current folder, then
            in the checkout.
        data_prefix: the folders inside `data_root`, as the subclass names them.
        filter_cfg: for training only. filter_empty_gt leaves out images without boxes, min_size
            (px) those with a shorter side below it; bbox_min_size (px) makes boxes with a side
            below it ignored ones.
        indices: only these of the images that are left: the first so many, or a list of indices and
            file names (without their folder), in this order.
        pipeline: transforms, or their dicts.
        test_mode: keeps every image and box, in order, and raises an error for a bad image.
        skip_bad_images: in test mode, puts a black image in the place of an unreadable one. It
            is marked `bad_image` in img_metas: dropped altogether it would be missing in the
            metric's count, as if the data set were smaller.
        max_refetch: in training, how many other images are tried in the place of one that cannot
            be read or that the pipeline refuses.
        backend_args: None; remote storage is not supported.

    Raises:
        ConfigError: an argument cannot be used, or the classes do not fit the data.
        DataError: the data are missing or cannot be used, or no image is left.
    """

    METAINFO: ClassVar[dict] = {}
    HOW_TO_GET: ClassVar[str] = ''  # a hint for those who have no data yet

    def __init__(
        self,
        ann_file: str = '',
        metainfo: dict | None = None,
        data_root: str = '',
        data_prefix: dict | None = None,
        filter_cfg: dict | None = None,
        indices: int | Sequence[int | str] | None = None,
        pipeline: list = (),
        test_mode: bool = False,
        skip_bad_images: bool = False,
        max_refetch: int = 1000,
        backend_args: None = None,
    ) -> None:
        if backend_args is not None:
            raise ConfigError(
                f'{type(self).__name__}: backend_args={backend_args!r}: only files on disk are '
                'read; backend_args must be None.'
            )
        self.ann_file = ann_file
        self.data_root = data_root
        self.data_prefix = dict(data_prefix or {})
        self.test_mode = test_mode
        self.skip_bad_images = skip_bad_images
        self.max_refetch = max_refetch
        self.filter_cfg = _check_filters(dict(filter_cfg or {}), self.title)
        self.metainfo: dict = check_metainfo({**self.METAINFO, **(metainfo or {})}, self.title)
        self.pipeline = Compose(pipeline)
        self.names_found: Counter[str] = Counter()  # objects in the data by class name
        self.notes: list[str] = []  # what happened to the data, for the log
        # as annotated, for evaluation; and what the pipeline gets, which in testing is the same
        self._truth, self._records = self._clean(pack_records(self.load_records()))
        if indices is not None:
            self._take(indices)
        self._log_summary()

    def load_records(self) -> list[dict]:
        """Returns a dict per image, after `settle_classes` has been called.

        Its keys: filename (absolute), width, height (px; 0 where unknown), and ann, a dict of
        bboxes (g, 4) float32 xyxy in original pixels, labels (g,) int64 1..C and difficult (g,)
        bool (not to be found, but no mistake either: difficult in VOC, crowds in COCO).
        """
        raise NotImplementedError(f'{type(self).__name__} must define load_records()')

    def settle_classes(self, found: dict[str, int]) -> dict[str, int]:
        """Takes the classes from the data where the config says so, else compares the two.

        Args:
            found: the number of objects in the data by class name.

        Returns:
            The label, 1..C, of each class name.

        Raises:
            ConfigError: no class is in the data, or one is spelt there in another case.
        """
        self.names_found = Counter(found)
        if self.classes is None:
            if not found:
                raise DataError(f'{self.title}: no objects to find the classes in.')
            self.metainfo['classes'] = tuple(sorted(found))
        compare_classes(self.classes, found, self.title)
        return {name: label for label, name in enumerate(self.classes, 1)}

    @property
    def title(self) -> str:
        """What messages call this data set."""
        return f'{type(self).__name__}({self.ann_file or self.data_root})'

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names; label c is classes[c - 1]."""
        return self.metainfo['classes']

    def __len__(self) -> int:
        return len(self._records)

    def filename(self, i: int) -> str:
        """Returns the absolute file name of image i."""
        return self._records.filename(i)

    def category_counts(self) -> dict[str, int]:
        """Returns the number of boxes by class name; those that are ignored are not counted."""
        labels = self._records.labels[~self._records.difficult]
        counts = np.bincount(labels, minlength=len(self.classes) + 1)[1:]
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def get_ann_info(self, i: int) -> dict[str, np.ndarray]:
        """Returns the ground truth of image i for evaluation, boxes as annotated.

        A box with xmin = xmax is one pixel wide to the VOC devkit, and so it is here.

        Returns:
            bboxes (g, 4) float32 xyxy in original pixels, labels (g,) int64 1..C, and of the
            difficult ones bboxes_ignore (k, 4), labels_ignore (k,).
        """
        return _split(self._truth, i)

    def get_coco_info(self, i: int) -> dict[str, np.ndarray]:
        """Returns the ground truth of image i as COCO's metric wants it.

        Returns:
            xywh (g, 4) float64 (x1, y1, w, h in original pixels), labels (g,) 1..C, areas (g,)
            float64 in square pixels and crowd (g,) bool: not to be found, but no mistake either.
        """
        rows = self._truth.rows(i)
        bboxes = self._truth.bboxes[rows].astype(np.float64)
        sides = bboxes[:, 2:] - bboxes[:, :2]
        return dict(
            xywh=np.concatenate([bboxes[:, :2], sides], axis=1),
            labels=self._truth.labels[rows],
            areas=sides.prod(axis=1),
            crowd=self._truth.difficult[rows],
        )

    def get_data_info(self, i: int) -> dict:
        """Returns what the pipeline gets for image i.

        Returns:
            filename, img_id (= i), width, height (px; 0 where unknown) and ann, as of
            `get_ann_info`; in training clipped to the image and without boxes of zero size.
        """
        width, height = self._records.sizes[i].tolist()
        return dict(
            filename=self.filename(i),
            img_id=i,
            width=width,
            height=height,
            ann=_split(self._records, i),
        )

    def __getitem__(self, i: int) -> dict:
        if not -len(self) <= i < len(self):
            raise IndexError(f'{self.title} has {len(self)} images, none with index {i}')
        return self.get_sample(i % len(self))

    def get_sample(self, i: int, offset: int = 0) -> dict:
        """Returns what the pipeline makes of image i; its img_id is i + offset.

        `offset` is where a wrapper counts the images of this data set from.

        Raises:
            ImageError: in test mode: the image cannot be read.
            DataError: in training: no image of many tried could be used.
        """
        if self.test_mode:
            return self._test_sample(i, offset)
        unreadable: list[str] = []
        for _ in range(self.max_refetch + 1):
            try:
                sample = self._through_pipeline(i, offset)
            except ImageError as error:
                sample = None
                unreadable.append(self.filename(i))
                _report(error, self.filename(i))
            if sample is not None:
                return _mark(sample, skipped_files=unreadable) if unreadable else sample
            i = np.random.randint(len(self))
        raise DataError(
            f'{self.title}: {self.max_refetch + 1} samples in a row could not be used: '
            f'{len(unreadable)} were of images that cannot be read {sorted(set(unreadable))[:3]}, '
            f'and the pipeline refused the others (FilterAnnotations does that to images '
            'without boxes).'
        )

    def _test_sample(self, i: int, offset: int) -> dict:
        try:
            sample = self._through_pipeline(i, offset)
        except ImageError as error:
            if not self.skip_bad_images:
                raise
            _report(error, self.filename(i))
            return self._black_sample(i, offset)
        if sample is None:
            raise DataError(
                f"{self.title}: the pipeline refused '{self.filename(i)}'. In testing every image "
                'counts: leave filters such as FilterAnnotations out of its pipeline.'
            )
        return sample

    def _black_sample(self, i: int, offset: int) -> dict:
        """Sends a black image of the record's size through the pipeline in the place of image i."""
        info = self.get_data_info(i)
        size = max(info['height'], 1), max(info['width'], 1)
        # as a file, so that any loading transform of a pipeline serves, a plugin's too
        with tempfile.TemporaryDirectory() as folder:
            black = os.path.join(folder, 'black.png')
            cv2.imencode('.png', np.zeros((*size, 3), np.uint8))[1].tofile(black)
            sample = self.pipeline({**info, 'filename': black, 'img_id': i + offset})
        return _mark(sample, bad_image=True, filename=info['filename'], img_path=info['filename'])

    def _through_pipeline(self, i: int, offset: int) -> dict | None:
        info = self.get_data_info(i)
        info['img_id'] += offset
        return self.pipeline(info)

    def _clean(self, records: FlatRecords) -> tuple[FlatRecords, FlatRecords]:
        """Returns the records as annotated, and as the pipeline gets them, of the images kept."""
        inverted = (records.bboxes[:, 2:] < records.bboxes[:, :2]).any(axis=1)
        self._note(inverted.sum(), 'boxes with xmax < xmin or ymax < ymin left out')
        truth = records.keep_boxes(~inverted)
        shown = truth
        if not self.test_mode:
            shown = self._clean_boxes(truth)
            keep = self._filter_images(shown)
            truth, shown = truth.take(keep), shown.take(keep)
        if len(shown) == 0:
            raise DataError(self._empty_message(len(records)))
        return truth, shown

    def _clean_boxes(self, records: FlatRecords) -> FlatRecords:
        bboxes = clip_bboxes(records.bboxes, records.sizes[records.image_inds])
        # one pixel wide to the devkit, but nothing to an IoU without +1: it cannot be matched
        usable = (bboxes[:, 2:] > bboxes[:, :2]).all(axis=1)
        sides = records.bboxes[:, 2:] - records.bboxes[:, :2]
        small = (sides < self.filter_cfg.get('bbox_min_size', 0)).any(axis=1)
        clipped = (bboxes != records.bboxes).any(axis=1)
        self._note((clipped & usable).sum(), 'boxes clipped to the image')
        self._note((~usable).sum(), 'boxes of zero size left out')
        self._note((small & usable).sum(), 'boxes ignored by bbox_min_size')
        difficult = records.difficult | small
        return replace(records, bboxes=bboxes, difficult=difficult).keep_boxes(usable)

    def _filter_images(self, records: FlatRecords) -> np.ndarray:
        """Returns the indices of the images that `filter_cfg` leaves in."""
        sides = records.sizes.min(axis=1)
        small = (sides > 0) & (sides < self.filter_cfg.get('min_size', 0))
        empty = ~small & (np.diff(records.starts) == 0)
        self._note(small.sum(), 'images left out by min_size')
        if self.filter_cfg.get('filter_empty_gt', False):
            self._note(empty.sum(), 'images left out that have no boxes')
            return np.flatnonzero(~small & ~empty)
        self._note(empty.sum(), 'images without boxes kept')
        return np.flatnonzero(~small)

    def _take(self, indices: int | Sequence[int | str]) -> None:
        """Leaves only these images, see `indices`."""
        names = {os.path.basename(self.filename(i)): i for i in range(len(self))}
        wanted = range(indices) if isinstance(indices, int) else indices
        inds = [names.get(i, -1) if isinstance(i, str) else i for i in wanted]
        for index, given in zip(inds, wanted, strict=True):
            if not 0 <= index < len(self):
                raise ConfigError(
                    f'{self.title}: indices has {given!r}, and it has {len(self)} images; none is '
                    f'of this index or name.{did_you_mean(str(given), names)}'
                )
        self._truth, self._records = self._truth.take(inds), self._records.take(inds)

    def _path(self, path: str) -> str:
        """Returns the absolute path of `path`, which is relative to `data_root`."""
        if not self.data_root:
            return resolve_data_root(path)
        return os.path.normpath(os.path.join(resolve_data_root(self.data_root), path))

    def _require(self, path: str) -> str:
        if not os.path.exists(path):
            raise missing_data(self.title, path, self.HOW_TO_GET)
        return path

    def _check_prefix(self, known: str, meaning: str) -> None:
        for key in self.data_prefix:
            if key != known:
                raise ConfigError(
                    f"{self.title}: data_prefix has no key '{key}'.{did_you_mean(key, [known])} "
                    f'It takes {known}, {meaning}.'
                )

    def _note(self, count: int, what: str) -> None:
        if count:
            self.notes.append(f'{count} {what}')

    def _log_summary(self) -> None:
        counts = self.category_counts()
        absent = [name for name, count in counts.items() if not count]
        others = set(self.names_found) - set(counts)
        if absent:
            some = ', '.join(absent[:5]) + (f' and {len(absent) - 5} more' if absent[5:] else '')
            self.notes.append(f'no boxes of {some}{near_names(absent, others)}')
        self.summary = (
            f'{self.title}: {len(self)} images, {sum(counts.values())} boxes of {len(counts)} '
            f'classes, {int(self._records.difficult.sum())} ignored ones'
            f'{"".join(f"; {note}" for note in self.notes)}'
        )
        print_log(self.summary, logger='current')

    def _empty_message(self, listed: int) -> str:
        return (
            f'{self.title}: no image is left of {listed}. {"; ".join(self.notes)}. '
            f'Classes asked for: {", ".join(self.classes)}. '
            f'Objects in the data: {counts_text(self.names_found)}.'
            f'{near_names(self.classes, self.names_found)} filter_cfg={self.filter_cfg}'
        )


def clip_bboxes(bboxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns bboxes (g, 4) xyxy clipped to sizes (g, 2) or (2,), (w, h), where 0 sets no limit."""
    limits = np.where(sizes > 0, sizes, np.inf).astype(np.float32)
    return np.clip(bboxes, 0, np.concatenate([limits, limits], axis=-1))


def _check_filters(filter_cfg: dict, title: str) -> dict:
    for key in filter_cfg:
        if key not in FILTERS:
            raise ConfigError(
                f"{title}: filter_cfg has no key '{key}'.{did_you_mean(key, FILTERS)} "
                f'Known: {", ".join(FILTERS)}.'
            )
    return filter_cfg


def _split(records: FlatRecords, i: int) -> dict[str, np.ndarray]:
    """Returns the boxes of image i, the difficult ones apart."""
    rows = records.rows(i)
    bboxes, labels = records.bboxes[rows], records.labels[rows]
    ignore = records.difficult[rows]
    return dict(
        bboxes=bboxes[~ignore],
        labels=labels[~ignore],
        bboxes_ignore=bboxes[ignore],
        labels_ignore=labels[ignore],
    )


def _mark(sample: dict, **marks: Any) -> dict:
    """Writes marks into the sample's img_metas, or beside its keys where nothing is packed yet."""
    for version in sample.get('versions', [sample]):
        getattr(version.get('img_metas'), 'data', version).update(marks)
    return sample


def _report(error: ImageError, filename: str) -> None:
    if filename not in _reported:
        _reported.add(filename)
        print_log(f'Skipped: {error}', logger='current', level=logging.WARNING)
