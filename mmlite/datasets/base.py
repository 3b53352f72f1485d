"""DetDataset: what all detection data sets share. A subclass writes `load_records`, no more."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from mmengine.logging import print_log

from mmlite.config.keys import check_dict
from mmlite.config.schema import FILTERS
from mmlite.datasets.annotations import FlatRecords, pack_records
from mmlite.datasets.bad_items import check_max_bad, first_reasons, too_many
from mmlite.datasets.class_names import check_metainfo, compare_classes, counts_text, near_names
from mmlite.datasets.cleaning import (
    Counts,
    chosen_images,
    possible_boxes,
    shares_warning,
    trained_boxes,
    trained_images,
)
from mmlite.datasets.image_files import Heads, image_sizes, read_heads
from mmlite.datasets.paths import check_inside, missing_data, resolve_data_root
from mmlite.datasets.picture_sizes import compared_sizes, doubtful_sizes, loaded_sizes
from mmlite.datasets.samples import SampleSource
from mmlite.datasets.transforms import LoadImageFromFile
from mmlite.errors import ConfigError, DataError, did_you_mean
from mmlite.support.files import read_text
from mmlite.support.words import counted

_SHOWN = 10  # class names in a message


class DetDataset(SampleSource):
    """A data set for detection: records in flat arrays, samples through a pipeline.

    Args:
        ann_file: annotation file, relative to `data_root`.
        metainfo: dict(classes=('a', 'b')) in place of `METAINFO`; classes='auto' or None takes
            the names found in the data, sorted. Other keys are handed on in `metainfo`.
        data_root: folder of the data; a relative one is looked for in the current folder, then
            in the checkout.
        image_list: a text file that names images, one a line, relative to `data_root`: only these
            are used, and the rest of the data as if it were not there. A name is without its
            folder, or with as many of its folders as make it unique.
        data_prefix: the folders inside `data_root`, as the subclass names them.
        filter_cfg: for training only. filter_empty_gt leaves out images without boxes, min_size
            (px) those with a shorter side below it; bbox_min_size (px) makes boxes with a side
            below it ignored ones. A number between 0 and 1 is refused: it would be a share.
        indices: only these of the remaining images: a number of the first ones, or a list of
            indices and file names, in this order; with folders where several images have one name.
        pipeline: transforms, or their dicts.
        test_mode: keeps every image and box, in order, and raises an error for a bad image.
        skip_bad_images: in test mode, puts a black image in the place of a bad item. It is marked
            `bad_image` in img_metas; metrics leave it out, and say how many images they cover.
        max_bad: share of the images that may be bad in training, see `bad_items.py`.
        max_refetch: in training, how many other images are tried in the place of one that cannot
            be read or that the pipeline refuses.
        backend_args: None; remote storage is not supported.

    Raises:
        ConfigError: an argument cannot be used, or the classes do not fit the data.
        DataError: the data are missing or cannot be used, or no image is left.
    """

    METAINFO: ClassVar[dict] = {}
    HOW_TO_GET: ClassVar[str] = ''  # a hint for those who have no data yet
    IGNORED_AS: ClassVar[str] = 'difficult'  # what annotations call a box that is to be ignored

    def __init__(
        self,
        ann_file: str = '',
        *,
        metainfo: dict | None = None,
        data_root: str = '',
        image_list: str = '',
        data_prefix: dict | None = None,
        filter_cfg: dict | None = None,
        indices: int | Sequence[int | str] | None = None,
        pipeline: list = (),
        test_mode: bool = False,
        skip_bad_images: bool = False,
        max_bad: float = 0.01,
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
        self.image_list = image_list
        self.data_prefix = dict(data_prefix or {})
        self.test_mode = test_mode
        self.skip_bad_images = skip_bad_images
        self.max_bad = check_max_bad(max_bad, self.title)
        self.max_refetch = max_refetch
        self.filter_cfg = dict(filter_cfg or {})
        check_dict(self.filter_cfg, FILTERS, f'{self.title}: filter_cfg')
        self.metainfo: dict = check_metainfo({**self.METAINFO, **(metainfo or {})}, self.title)
        self.set_pipeline(pipeline)
        self.names_found: Counter[str] = Counter()  # objects in the data by class name
        self.notes: list[str] = []  # what happened to the data, for the log
        self.warnings: list[str] = []  # those of them that a user should not miss
        self.read_as: list[str] = []  # those that say how the files were understood
        self.bad_items: dict[str, str] = {}  # image file -> why it cannot be used
        records = self.load_records()
        if not isinstance(records, FlatRecords):
            records = pack_records(records)
        if image_list:
            records = records.take(self._listed(records))
        self._check_labels(records)
        heads = self._read_heads(records)
        records = self._with_picture_sizes(records, heads)
        # as annotated, for evaluation; and what the pipeline gets, which in testing is the same
        self._truth, self._records = self._clean(records)
        if indices is not None:
            inds = chosen_images(self._records.all_filenames(), indices, self.title)
            self._truth, self._records = self._truth.take(inds), self._records.take(inds)
        self.num_listed = len(records) if indices is None else len(self)
        self._find_bad_items(heads)
        self._log_summary()

    def load_records(self) -> list[dict] | FlatRecords:
        """Returns a dict per image, after `settle_classes` has been called.

        Its keys: filename (absolute), width, height (px; 0 where unknown), and ann, a dict of
        bboxes (g, 4) float32 xyxy in original pixels, labels (g,) int64 1..C and difficult (g,)
        bool (not to be found, but no mistake either: difficult in VOC, crowds in COCO). Where the
        annotation of one image cannot be used, it writes why into `self.bad_items`. Where the
        boxes of all images are in arrays, `flat_records` makes the records without the dicts.
        """
        raise NotImplementedError(f'{type(self).__name__} must define load_records()')

    def _check_labels(self, records: FlatRecords) -> None:
        """Refuses labels that are those of no class: a training would fail with an index."""
        if len(records.labels) and records.labels.max() > len(self.classes):
            low, high = records.labels.min(), records.labels.max()
            raise DataError(
                f'{self.title}: labels are {low} to {high}; 1 to {len(self.classes)} are expected, '
                'and 0 is the background. load_records() has to give an object the label '
                'index of the class + 1'
            )

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
                raise DataError(
                    f'{self.title}: no objects to find the classes in. A training needs boxes; '
                    'for pictures without any: metainfo=dict(classes=(...)) in the data set'
                )
            self.metainfo['classes'] = tuple(sorted(found))
        compare_classes(self.classes, found, self.title)
        others = {name: n for name, n in found.items() if n and name not in self.classes}
        text = counts_text(dict(sorted(others.items(), key=lambda item: -item[1])[:_SHOWN]))
        more = f' and {len(others) - _SHOWN} more' if len(others) > _SHOWN else ''
        self._note(sum(others.values()), f'objects of other classes left out ({text}{more})')
        return {name: label for label, name in enumerate(self.classes, 1)}

    @property
    def title(self) -> str:
        """The name of this data set in messages."""
        return f'{type(self).__name__}({self.image_list or self.ann_file or self.data_root})'

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

        Raises:
            BadItemError: in test mode: the item is bad, and bad ones are not skipped.
        """
        if self.test_mode and not self.skip_bad_images:
            self._refuse_bad(i)
        return _split(self._truth, i)

    def get_coco_info(self, i: int) -> dict[str, np.ndarray]:
        """Returns the ground truth of image i as COCO's metric wants it.

        Returns:
            xywh (g, 4) float64 (x1, y1, w, h in original pixels), labels (g,) 1..C, areas (g,)
            float64 in square pixels and crowd (g,) bool: not to be found, but no mistake either.

        Raises:
            BadItemError: as of `get_ann_info`.
        """
        if self.test_mode and not self.skip_bad_images:
            self._refuse_bad(i)
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

    def num_objects(self) -> int:
        """Returns the number of boxes that are to be found, in images that can be used."""
        asked = ~self._records.difficult
        if self.bad_items:
            usable = [name not in self.bad_items for name in self._records.all_filenames()]
            asked = asked & np.array(usable, bool)[self._records.image_inds]
        return int(asked.sum())

    def _listed(self, records: FlatRecords) -> list[int]:
        """Returns the images that `image_list` names."""
        file = self._require(self._path(self.image_list))
        names = [line.rstrip('\r') for line in read_text(Path(file)).split('\n')]
        names = [name for name in names if name.strip()]
        if not names:
            raise DataError(f'{self.title}: {file} names no image')
        there = set(records.all_filenames())
        # a path from data_root is that file, wherever others of its name are
        whole = [self._path(name) for name in names]
        names = [path if path in there else name for path, name in zip(whole, names, strict=True)]
        return chosen_images(records.all_filenames(), names, self.title, at=file)

    def _loading_transform(self) -> LoadImageFromFile | None:
        # not a subclass, which may read from elsewhere
        loading = (t for t in self.pipeline.transforms if type(t) is LoadImageFromFile)
        return next(loading, None)

    def _read_heads(self, records: FlatRecords) -> Heads | None:
        """Reads the heads of the pictures where the pipeline loads them."""
        if self._loading_transform() is None:
            return None
        return read_heads(records.all_filenames(), f'{self._path("")}\0{self.title}')

    def _with_picture_sizes(self, records: FlatRecords, heads: Heads | None) -> FlatRecords:
        """Returns the records with the sizes of the pictures, and says where they are others."""
        names = records.all_filenames()
        loaded = np.zeros_like(records.sizes)
        if heads is not None:
            unturned = bool(self._loading_transform().flag & cv2.IMREAD_IGNORE_ORIENTATION)
            loaded = loaded_sizes(heads, records.sizes, unturned)
        errors = heads.errors if heads else {}
        inds = [i for i in doubtful_sizes(records, loaded) if names[i] not in errors]
        if inds:
            loaded[inds] = image_sizes([names[i] for i in inds], f'doubtful\0{self.title}')
        sizes, warning = compared_sizes(records.sizes, loaded, names)
        if warning:
            self._warn(warning)
        return replace(records, sizes=sizes)

    def _find_bad_items(self, heads: Heads | None) -> None:
        """Counts the items known to be bad before any is loaded; in training refuses too many."""
        names = self._records.all_filenames()
        found = (heads.errors if heads else {}) | self.bad_items
        self.bad_items = {name: found[name] for name in names if name in found}
        refusal = None if self.test_mode else too_many(self, self.bad_items)
        if refusal:
            raise DataError(f'{self.title}: {refusal}.')
        reasons = first_reasons(self.bad_items, self.bad_items)
        self._note(len(self.bad_items), f'of them bad and skipped: {reasons}')

    def _refuse_none_usable(self, errors: Sequence[str]) -> None:
        """Refuses a data set none of whose annotation files can be used; '' stands for no error."""
        if all(errors):
            raise DataError(
                f'{self.title}: none of its {len(errors)} annotation files can be used. '
                f'The first: {first_reasons(errors, {})}'
            )

    def _check_inside(self, paths: Sequence[str], source: str, *folders: str) -> None:
        """Refuses paths of an annotation file that leave the data root and these folders."""
        check_inside(paths, [*([self._path('')] if self.data_root else []), *folders], source)

    def _clean(self, records: FlatRecords) -> tuple[FlatRecords, FlatRecords]:
        """Returns the records as annotated, and as the pipeline gets them, of the images kept."""
        truth, counts = possible_boxes(records)
        self._refuse_shares(truth.bboxes)
        self._note_all(counts)
        shown = truth
        if not self.test_mode:
            shown, counts = trained_boxes(truth, self.filter_cfg.get('bbox_min_size', 0))
            self._note_all(counts)
            keep, counts = trained_images(shown, self.filter_cfg, self.bad_items)
            self._note_all(counts)
            truth, shown = truth.take(keep), shown.take(keep)
        if len(shown) == 0:
            raise DataError(self._empty_message(len(records)))
        return truth, shown

    def _refuse_shares(self, bboxes: np.ndarray) -> None:
        """Refuses boxes (g, 4) in pixels all of which lie within 0 to 1."""
        warning = shares_warning(bboxes, self.title)
        if warning:
            self._warn(warning)

    def _path(self, path: str) -> str:
        """Returns the absolute path of `path`, which is relative to `data_root`."""
        if not self.data_root:
            return resolve_data_root(path)
        return os.path.normpath(os.path.join(resolve_data_root(self.data_root), path))

    def _require(self, path: str, how: str = '') -> str:
        """Returns a path that is there; `how`: what to do if not, else how to get the data."""
        if not os.path.exists(path):
            raise missing_data(self.title, path, self.data_root, how or self._how_to_get())
        return path

    def _how_to_get(self) -> str:
        """Where to download the data: nothing that helps with other classes than theirs."""
        own = self.METAINFO.get('classes', 'auto')
        return self.HOW_TO_GET if own in ('auto', self.metainfo['classes']) else ''

    def _annotation_file(self, kind: str) -> str:
        """Returns the path of `ann_file`, which is to be `kind`, such as 'a JSON file'."""
        if not self.ann_file:
            raise ConfigError(f'{self.title}: ann_file is missing, the path of {kind}')
        return self._require(self._path(self.ann_file))

    def _check_prefix(self, **known: str) -> None:
        """Refuses keys of data_prefix but `known`, key -> what it means."""
        for key in self.data_prefix:
            if key not in known:
                takes = ', '.join(f'{name}, {meaning}' for name, meaning in known.items())
                raise ConfigError(
                    f"{self.title}: data_prefix has no key '{key}'.{did_you_mean(key, known)} "
                    f'It takes {takes}.'
                )

    def _note(self, count: int, what: str) -> None:
        if count:
            self.notes.append(f'{count} {what}')

    def _note_all(self, counts: Counts) -> None:
        for count, what in counts:
            self._note(count, what)

    def _note_absent(self, count: int, total: int, what: str) -> None:
        """Counts images that lack something; where most of them do it is a warning."""
        text = f'{count} of {total} {what}'
        if count > total / 2:
            self._warn(text)
        elif count:
            self.notes.append(text)

    def _say_read_as(self, what: str, is_warning: bool = False) -> None:
        """Says how files are understood that other tools may have meant in another way."""
        self.read_as.append(what)
        self.notes.append(what)
        if is_warning:
            self.warnings.append(what)

    def _warn(self, what: str) -> None:
        self.notes.append(what)
        self.warnings.append(what)

    def _log_summary(self) -> None:
        counts = self.category_counts()
        self._note(self._truth.difficult.sum(), f'boxes ignored as {self.IGNORED_AS}')
        if not self.num_objects():
            self._warn(f'no object is left to {"find" if self.test_mode else "train on"}')
        absent = [name for name, count in counts.items() if not count]
        others = set(self.names_found) - set(counts)
        if absent:
            some = ', '.join(absent[:5]) + (f' and {len(absent) - 5} more' if absent[5:] else '')
            near = near_names(absent, others)
            if 'background' in absent:
                near += ' The background is label 0, and no class of the list.'
            wrong = bool(others) or 'background' in absent
            if wrong and self.num_objects() and not self.test_mode:
                self._warn(f'no boxes of {some}.{near}')
            else:
                self.notes.append(f'no boxes of {some}{near}')
        self.summary = (
            f'{self.title}: {counted(len(self), "image")}, {counted(sum(counts.values()), "box")} '
            f'of {counted(len(counts), "class")}, {int(self._records.difficult.sum())} ignored ones'
            f'{"".join(f"; {note}" for note in self.notes)}'
        )
        print_log(self.summary, logger='current')
        for text in self.warnings:
            print_log(f'{self.title}: {text}', logger='current', level=logging.WARNING)

    def _empty_message(self, listed: int) -> str:
        return (
            f'{self.title}: no image is left of {listed}. {"; ".join(self.notes)}. '
            f'Classes asked for: {", ".join(self.classes)}. '
            f'Objects in the data: {counts_text(self.names_found)}.'
            f'{near_names(self.classes, self.names_found)} filter_cfg={self.filter_cfg}'
        )


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
