"""Samples of a data set through its pipeline, and what takes the place of those that are bad."""

from __future__ import annotations

import logging
import os
import tempfile
from typing import Any

import cv2
import numpy as np
from mmengine.logging import print_log

from mmlite.datasets.bad_items import LONGEST_BLACK_SIDE, BadItemError
from mmlite.datasets.epoch_pipelines import HasPipelines
from mmlite.datasets.transforms import Compose
from mmlite.errors import DataError

_reported: set[str] = set()  # bad items are logged once per process


class SampleSource(HasPipelines):
    """Loads samples: the half of DetDataset that works while a run goes on.

    The arguments are those of DetDataset, which has `get_data_info`, `filename` and `len`.
    """

    title: str
    test_mode: bool
    skip_bad_images: bool
    max_refetch: int
    bad_items: dict[str, str]  # image file -> why it cannot be used, known from the start

    def __getitem__(self, i: int) -> dict:
        if not -len(self) <= i < len(self):
            raise IndexError(f'{self.title} has {len(self)} images, none with index {i}')
        return self.get_sample(i % len(self))

    def get_sample(self, i: int, offset: int = 0) -> dict:
        """Returns what the pipeline makes of image i; its img_id is i + offset.

        `offset` is where a wrapper counts the images of this data set from.

        Raises:
            BadItemError: in test mode: the image or its annotation cannot be used.
            DataError: in training: no image of many tried could be used.
        """
        if self.test_mode:
            return self._test_sample(i, offset)
        return self._train_sample(i, offset, self.pipeline)

    def partly(self, i: int, pipeline: Compose, stop: int) -> dict:
        """Returns what the first `stop` transforms of a pipeline make of image i, in training."""
        return self._train_sample(i, 0, pipeline, stop)

    def _train_sample(
        self, i: int, offset: int, pipeline: Compose, stop: int | None = None
    ) -> dict:
        bad: list[str] = []
        for _ in range(self.max_refetch + 1):
            try:
                sample = pipeline(self._data_info(i, offset), stop)
            except BadItemError as error:
                sample = None
                bad.append(self.filename(i))
                _report(error, self.filename(i))
            if sample is not None:
                return _mark(sample, skipped_files=bad) if bad else sample
            i = np.random.randint(len(self))
        raise DataError(
            f'{self.title}: {self.max_refetch + 1} samples in a row could not be used: '
            f'{len(bad)} were of images that cannot be used {sorted(set(bad))[:3]}, '
            f'and the pipeline refused the others (FilterAnnotations does that to images '
            'without boxes).'
        )

    def _test_sample(self, i: int, offset: int) -> dict:
        try:
            sample = self.pipeline(self._data_info(i, offset))
        except BadItemError as error:
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
        size = [min(max(info[side], 1), LONGEST_BLACK_SIDE) for side in ('height', 'width')]
        # as a file, so that any loading transform of a pipeline serves, a plugin's too
        with tempfile.TemporaryDirectory() as folder:
            black = os.path.join(folder, 'black.png')
            cv2.imencode('.png', np.zeros((*size, 3), np.uint8))[1].tofile(black)
            sizes = dict(zip(('height', 'width'), size, strict=True))
            sample = self.pipeline({**info, **sizes, 'filename': black, 'img_id': i + offset})
        return _mark(sample, bad_image=True, filename=info['filename'], img_path=info['filename'])

    def _data_info(self, i: int, offset: int) -> dict:
        self._refuse_bad(i)
        info = self.get_data_info(i)
        info['img_id'] += offset
        return info

    def _refuse_bad(self, i: int) -> None:
        reason = self.bad_items.get(self.filename(i)) if self.bad_items else None
        if reason:
            raise BadItemError(reason)


def _mark(sample: dict, **marks: Any) -> dict:
    """Writes marks into the sample's img_metas, or beside its keys where nothing is packed yet."""
    for version in sample.get('versions', [sample]):
        getattr(version.get('img_metas'), 'data', version).update(marks)
    return sample


def _report(error: BadItemError, filename: str) -> None:
    if filename not in _reported:
        _reported.add(filename)
        print_log(f'Skipped: {error}', logger='current', level=logging.WARNING)
