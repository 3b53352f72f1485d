"""VOCMetric: the mAP of `eval_map`, as a metric that a config names."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from mmengine.logging import print_log

from mmlite.datasets.bad_items import leaves
from mmlite.errors import ConfigError, did_you_mean
from mmlite.evaluation.ap_rule import ApRule
from mmlite.evaluation.mean_ap import EVAL_MODES, mean_ap
from mmlite.evaluation.overlaps import best_overlaps
from mmlite.evaluation.report import map_table
from mmlite.evaluation.results_metric import ResultsMetric
from mmlite.registry import METRICS

# How each year's challenge measured; another mode is allowed, its figures compare with nobody's
_CHALLENGE_MODE = {'VOC2007': '11points', 'VOC2012': 'area'}


@METRICS.register_module()
class VOCMetric(ResultsMetric):
    """Mean average precision as the VOC devkit counts it; logs a table of the classes.

    The devkit's boxes include their last pixel, so each is measured a pixel wider and higher than
    x2 - x1 and y2 - y1, as in mmdet, on any data set. A VOCDataset that reads boxes whole, with
    `coordinates` other than 'devkit', is measured without that pixel.

    Args:
        iou_thrs: one IoU threshold in (0, 1] or several; mAP is the mean over them.
        scale_ranges: None; mmdet's ranges of box sizes are not supported.
        metric: 'mAP'; mmdet's 'recall' is not supported.
        eval_mode: '11points' (VOC2007) or 'area' (VOC2010 and later).
        collect_device: 'cpu' or 'gpu': how distributed processes send their results.
        prefix: before the figures' names: 'pascal_voc/mAP', 'pascal_voc/AP50'.

    Raises:
        ConfigError: an argument has a value that is not among these.
    """

    default_prefix = 'pascal_voc'

    def __init__(
        self,
        iou_thrs: float | Sequence[float] = 0.5,
        scale_ranges: None = None,
        metric: str = 'mAP',
        eval_mode: str = '11points',
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        if scale_ranges is not None:
            raise ConfigError('VOCMetric.scale_ranges: only None is supported')
        if metric not in ('mAP', ['mAP']):  # mmdet takes a list of one too
            raise ConfigError(f"VOCMetric.metric: only 'mAP' is supported, found {metric!r}")
        if eval_mode not in EVAL_MODES:
            raise ConfigError(
                f'VOCMetric.eval_mode: one of {EVAL_MODES} is expected, found {eval_mode!r}.'
                f'{did_you_mean(str(eval_mode), EVAL_MODES)}'
            )
        self.iou_thrs = [iou_thrs] if isinstance(iou_thrs, (int, float)) else list(iou_thrs)
        if not self.iou_thrs or not all(0 < iou_thr <= 1 for iou_thr in self.iou_thrs):
            raise ConfigError(
                f'VOCMetric.iou_thrs: numbers in (0, 1] are expected, found {iou_thrs!r}'
            )
        self.eval_mode = eval_mode
        # each threshold has a table; the mean over several is in none
        self.tabulated = self.figure_names()[len(self.iou_thrs) > 1 :]

    def set_dataset(self, dataset: Any) -> None:
        """Takes the data set that is evaluated.

        Raises:
            DataError: it has no object that counts.
        """
        super().set_dataset(dataset)
        self.refuse_without_objects()

    def figure_names(self) -> list[str]:
        """Returns the names of the figures, without the prefix, before anything is evaluated."""
        return ['mAP', *(f'AP{round(100 * thr):02d}' for thr in self.iou_thrs)]

    def ap_rule(self, figure: str) -> ApRule | None:
        """Returns how the figure of this name, without the prefix, counts AP; None for another."""
        points = 11 if self.eval_mode == '11points' else 0
        rules = {f'AP{round(100 * thr):02d}': ApRule((thr,), points) for thr in self.iou_thrs}
        return {**rules, 'mAP': ApRule(tuple(self.iou_thrs), points)}.get(figure)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Returns `mAP` in [0, 1] and, rounded to 3 digits as in mmdet, `AP50` and so on.

        Where images were skipped, also their number, `skipped_images`.
        """
        covered = self.covered(results)
        found = self.in_order(results).of_images(covered)
        truth = [self.dataset.get_ann_info(i) for i in covered]
        overlaps = best_overlaps(found, truth, self._last_pixel())
        self._log_unusual_mode()
        figures = {}
        for iou_thr in self.iou_thrs:
            figure, per_class = mean_ap(overlaps, iou_thr, self.eval_mode)
            table = map_table(figure, per_class, self.classes)
            print_log(f'IoU >= {iou_thr}, {self.eval_mode}\n{table}', logger='current')
            figures[iou_thr] = figure
        return {
            'mAP': sum(figures.values()) / len(figures),
            **{f'AP{round(100 * thr):02d}': round(ap, 3) for thr, ap in figures.items()},
            **self.coverage(covered),
        }

    def _last_pixel(self) -> bool:
        """Whether boxes are a pixel wider than x2 - x1, see the class."""
        rules = {getattr(leaf, 'coordinates', 'devkit') for leaf in leaves(self.dataset)}
        if 'devkit' in rules and len(rules) > 1:
            print_log(
                f'VOCMetric: the data sets have different coordinates, {", ".join(sorted(rules))}: '
                "all are measured as 'devkit', a pixel wider and higher",
                logger='current',
                level=logging.WARNING,
            )
        return 'devkit' in rules or not rules

    def _log_unusual_mode(self) -> None:
        challenge = self.dataset.metainfo.get('dataset_type')
        usual = _CHALLENGE_MODE.get(challenge, self.eval_mode)
        if usual != self.eval_mode:
            print_log(
                f"{challenge} is measured with eval_mode='{usual}' elsewhere; '{self.eval_mode}' "
                'gives other figures',
                logger='current',
            )
