"""Metrics that need the results of the whole data set, and how to feed them without a model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmlite.datasets.bad_items import bad_items, leaves
from mmlite.datasets.usable import num_objects
from mmlite.errors import ConfigError, DataError
from mmlite.evaluation.detections import FlatDetections, GatheredResults, gather, ordered
from mmlite.evaluation.results import check_results_path, labelled_rows, result2bbox, save_results
from mmlite.parallel import unwrapped
from mmlite.registry import METRICS

SHOWN = 5  # names of skipped images in the log


class ResultsMetric(BaseMetric):
    """Gathers every image's detections; a subclass writes `compute_metrics(results)`.

    Ground truth comes from the data set itself, never through the pipeline: the engine calls
    `set_dataset(dataset)` on every metric that has this method, before the first batch. The data
    set has `len`, `metainfo['classes']` and `get_ann_info(i)`, as `DetDataset` has them.
    """

    dataset: Any = None
    tabulated: Sequence[str] = ()  # figures, without the prefix, that its tables in the log show

    def set_dataset(self, dataset: Any) -> None:
        """Takes the data set that is evaluated."""
        self.dataset = dataset
        self.dataset_meta = dataset.metainfo

    @property
    def classes(self) -> tuple[str, ...]:
        """Returns the class names; label c + 1 is `classes[c]`."""
        if self.dataset is None:
            raise RuntimeError(f'{type(self).__name__}: set_dataset(dataset) comes first')
        return tuple(self.dataset.metainfo['classes'])

    def refuse_without_objects(self) -> None:
        """Refuses a data set without ground truth: each figure would be 0 or -1, and say nothing.

        Raises:
            DataError: it has no object to be found; what was left out is counted by cause.
        """
        if num_objects(self.dataset) != 0:
            return
        counted = ' | '.join(part.summary for part in leaves(self.dataset))
        raise DataError(
            f'{type(self).__name__}: there is no object to find, so no figure would mean anything. '
            f"{counted}. To write detections only: CocoMetric(format_only=True, outfile_prefix='X')"
            ' as the evaluator, or tools/predict.py'
        )

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keeps the detections of one batch.

        Args:
            data_batch: `img_metas`, a list of dicts or a DataContainer of it, whose `img_id` is
                the image's index in the data set; `bad_image` marks one that was skipped.
            data_samples: for each image a dict of `bboxes` (n, 4) xyxy in original pixels,
                `scores` (n,) and `labels` (n,) 1..C.
        """
        for meta, det in zip(unwrapped(data_batch['img_metas']), data_samples, strict=True):
            # what was found in the black image in the place of a bad one says nothing
            rows = None if meta.get('bad_image') else labelled_rows(det, len(self.classes))
            self.results.append((int(meta['img_id']), rows))

    def evaluate(self, size: int) -> dict[str, float]:
        """Gathers the results of all processes and returns the figures, on each of them.

        Args:
            size: number of images; what `in_order` needs to know it takes from the data set.
        """
        self.results = [gather(self.results)]  # a few large arrays travel, not many small ones
        return super().evaluate(get_world_size())

    def in_order(self, results: list[GatheredResults]) -> FlatDetections:
        """Returns the results of image 0, 1, ...; they read as (n_imgs)(n_class)(k, 5).

        An image that was skipped has no detections.

        Raises:
            ConfigError: an image has none.
        """
        num_images = len(self.dataset)
        known = np.concatenate([part.images for part in results])
        missing = np.setdiff1d(np.arange(num_images), known)
        if len(missing):
            raise ConfigError(
                f'{type(self).__name__}: {len(missing)} of {num_images} images have no '
                f'result, image {missing[0]} is the first. The dataloader of the evaluation must '
                'give each image: no drop_last=True, no sampler that leaves some out.'
            )
        return ordered(results, num_images, len(self.classes))

    def covered(self, results: list[GatheredResults]) -> list[int]:
        """Returns the images that were not skipped, and logs how many they are where some were.

        Those skipped count neither as found nor as missed: their objects are left out.
        """
        skipped = sorted({i for part in results for i in part.images[part.lengths < 0].tolist()})
        if not skipped:
            return list(range(len(self.dataset)))
        objects = sum(len(self.dataset.get_ann_info(i)['labels']) for i in skipped)
        names = ', '.join(self.dataset.filename(i) for i in skipped[:SHOWN])
        more = f' and {len(skipped) - SHOWN} more' if len(skipped) > SHOWN else ''
        print_log(
            f'metrics cover {len(self.dataset) - len(skipped)} of {len(self.dataset)} images: '
            f'left out as bad, with the {objects} objects annotated in them: {names}{more}',
            logger='current',
            level=logging.WARNING,
        )
        return [i for i in range(len(self.dataset)) if i not in set(skipped)]

    def coverage(self, covered: Sequence[int]) -> dict[str, float]:
        """Returns the number of images left out, as a figure beside the metric's; none for 0."""
        left_out = len(self.dataset) - len(covered)
        return dict(skipped_images=float(left_out)) if left_out else {}


@METRICS.register_module()
class ResultsFile(ResultsMetric):
    """Writes the results to a file that `load_results` reads; computes nothing.

    Args:
        out: path that ends in .pkl or .pickle.
        collect_device: 'cpu' or 'gpu': how distributed processes send their results.
    """

    default_prefix = 'results'

    def __init__(self, out: str, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device)
        self.out = check_results_path(out)

    def compute_metrics(self, results: list) -> dict:
        """Writes the file."""
        save_results(self.in_order(results), self.out)
        print_log(f'Results written to {self.out}', logger='current')
        return {}


class KeptResults(ResultsMetric):
    """Keeps the results in `kept`, on the main process, for code that tests."""

    default_prefix = 'kept'
    kept: FlatDetections | None = None

    def compute_metrics(self, results: list) -> dict:
        """Puts the results in order."""
        self.kept = self.in_order(results)
        return {}


def build_metrics(cfg: dict | list, at: str) -> list[BaseMetric]:
    """Builds the metrics of an evaluator config, a dict or a list of them.

    Args:
        cfg: the config; metrics that are built already stay as they are.
        at: its config path, such as 'test_evaluator'.
    """
    if isinstance(cfg, dict):
        return [METRICS.build(cfg, at=at)]
    return [
        METRICS.build(metric, at=f'{at}[{i}]') if isinstance(metric, dict) else metric
        for i, metric in enumerate(cfg)
    ]


def evaluate_results(
    results: Sequence[Sequence[np.ndarray]], dataset: Any, metrics: Sequence[BaseMetric]
) -> dict[str, float]:
    """Evaluates results that exist already, without a model.

    Args:
        results: in the (n_imgs)(n_class)(k, 5) form, one item for each image of `dataset`.
        dataset: the data set, see `ResultsMetric`.
        metrics: any of mmengine's metrics; `set_dataset` is called on those that have it.

    Returns:
        every metric's figures under their prefixed names, as in the log of a test.
    """
    figures: dict[str, float] = {}
    bad = bad_items(dataset)
    for metric in metrics:
        metric.dataset_meta = dataset.metainfo
        if hasattr(metric, 'set_dataset'):
            metric.set_dataset(dataset)
        for i, result in enumerate(results):
            meta = dict(img_id=i, bad_image=bool(bad) and dataset.filename(i) in bad)
            metric.process(dict(img_metas=[meta]), [result2bbox(result)])
        figures.update(metric.evaluate(len(results)))
    return figures
