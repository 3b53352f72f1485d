"""Metrics that need the results of the whole data set, and how to feed them without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmlite.errors import ConfigError
from mmlite.evaluation.results import bbox2result, check_results_path, result2bbox, save_results
from mmlite.registry import METRICS


class ResultsMetric(BaseMetric):
    """Gathers every image's detections; a subclass writes `compute_metrics(results)`.

    Ground truth comes from the data set itself, never through the pipeline: the engine calls
    `set_dataset(dataset)` on every metric that has this method, before the first batch. The data
    set has `len`, `metainfo['classes']` and `get_ann_info(i)` (design.md, section 7).
    """

    dataset: Any = None

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

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keeps the detections of one batch.

        Args:
            data_batch: `img_metas`, a list of dicts or a DataContainer of it, whose `img_id` is
                the image's index in the data set.
            data_samples: for each image a dict of `bboxes` (n, 4) xyxy in original pixels,
                `scores` (n,) and `labels` (n,) 1..C.
        """
        metas = data_batch['img_metas']
        for meta, det in zip(getattr(metas, 'data', metas), data_samples, strict=True):
            self.results.append((int(meta['img_id']), bbox2result(det, len(self.classes))))

    def in_order(self, results: list[tuple[int, list[np.ndarray]]]) -> list[list[np.ndarray]]:
        """Returns the results of image 0, 1, ... in the (n_imgs)(n_class)(k, 5) form.

        Raises:
            ConfigError: an image has none.
        """
        by_image = dict(results)  # a distributed sampler repeats images to fill its last round
        missing = [i for i in range(len(self.dataset)) if i not in by_image]
        if missing:
            raise ConfigError(
                f'{type(self).__name__}: {len(missing)} of {len(self.dataset)} images have no '
                f'result, image {missing[0]} is the first. The dataloader of the evaluation must '
                'give each image: no drop_last=True, no sampler that leaves some out.'
            )
        return [by_image[i] for i in range(len(self.dataset))]


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
    """Keeps the results for whoever tests: in `kept`, on the main process."""

    default_prefix = 'kept'
    kept: list[list[np.ndarray]] | None = None

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
    """Evaluates results that are at hand, without a model.

    Args:
        results: in the (n_imgs)(n_class)(k, 5) form, one item for each image of `dataset`.
        dataset: the data set, see `ResultsMetric`.
        metrics: any of mmengine's metrics; `set_dataset` is called on those that have it.

    Returns:
        every metric's figures under their prefixed names, as in the log of a test.
    """
    figures: dict[str, float] = {}
    for metric in metrics:
        metric.dataset_meta = dataset.metainfo
        if hasattr(metric, 'set_dataset'):
            metric.set_dataset(dataset)
        for i, result in enumerate(results):
            metric.process(dict(img_metas=[dict(img_id=i)]), [result2bbox(result)])
        figures.update(metric.evaluate(len(results)))
    return figures
