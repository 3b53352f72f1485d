"""CocoMetric: COCO's average precision, as a metric that a config names."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from mmlite.datasets.bad_items import bad_items, leaves
from mmlite.errors import BOXES_ONLY, ConfigError, did_you_mean
from mmlite.evaluation.ap_rule import ApRule
from mmlite.evaluation.coco import AREA_RANGES, IOU_THRS, MAX_DETS, CocoTables, coco_tables
from mmlite.evaluation.coco_ids import check_ids, image_ranks, write_coco_results
from mmlite.evaluation.detections import FlatDetections
from mmlite.evaluation.proposal_recall import PROPOSAL_NUMS, average_recalls
from mmlite.evaluation.report import coco_class_table, coco_table
from mmlite.evaluation.results_metric import ResultsMetric
from mmlite.registry import METRICS

AP_DETS = 100  # detections of a class in an image that count for mAP, whatever proposal_nums says


@METRICS.register_module()
class CocoMetric(ResultsMetric):
    """AP over IoU 0.50 to 0.95 and its relatives, on any data set; logs them as a table.

    Where the data set is a CocoDataset, boxes, areas and crowds are those of its file. Elsewhere
    the area is that of the box, and boxes to be ignored count as crowds.

    Figures, -1 where there is nothing to find: bbox_mAP, bbox_mAP_50, bbox_mAP_75, and for each
    area range bbox_mAP_s, _m, _l, bbox_mAP_50_s, ...; bbox_AR@1, @10, @100, bbox_AR_s@100, ...
    They equal what `summarize` of pycocotools gives for the same maxDets (`proposal_nums`): mAP
    is taken at 100 detections, and is -1 where 100 is not among the three; all other precisions,
    and the recall by areas, are taken at the largest.

    Args:
        ann_file: None; mmdet's configs name the data set's own file, which is fine.
        metric: 'bbox', or 'proposal_fast' for an RPN: AR@100, AR@300 and AR@1000, the share of
            objects of any class that are found, and nothing else; masks are not supported.
        classwise: a table of the classes too, and their AP as `CLASS_precision`, at the largest of
            `proposal_nums`.
        proposal_nums: three numbers of detections of a class in an image that the
            figures are taken at; None for COCO's (1, 10, 100), of proposals for mmdet's
            (100, 300, 1000).
        iou_thrs: IoU thresholds that AP is the mean over; None for 0.50, 0.55, ..., 0.95.
        area_ranges: names and (least, greatest) area in square pixels of the original image, in
            place of s (to 32^2), m (to 96^2) and l.
        metric_items: only these of the figures, without `bbox_`, such as ['mAP', 'mAP_50'].
        format_only: write the detections only, evaluate nothing; needs `outfile_prefix`.
        outfile_prefix: writes `PREFIX.bbox.json` in COCO's results format, with the ids of the
            annotation files, through wrappers too; of other data sets the index of the image and
            the label.
        sort_categories: any value: categories are found by their names, in any order.
        collect_device: 'cpu' or 'gpu': how distributed processes send their results.
        prefix: before the figures' names.
        backend_args: None; remote storage is not supported.

    Raises:
        ConfigError: an argument has a value that is not among these.
    """

    default_prefix = 'coco'

    def __init__(
        self,
        ann_file: str | None = None,
        metric: str | Sequence[str] = 'bbox',
        classwise: bool = False,
        proposal_nums: Sequence[int] | None = None,
        iou_thrs: float | Sequence[float] | None = None,
        area_ranges: Mapping[str, Sequence[float]] | None = None,
        metric_items: Sequence[str] | None = None,
        format_only: bool = False,
        outfile_prefix: str | None = None,
        sort_categories: bool = False,
        collect_device: str = 'cpu',
        prefix: str | None = None,
        backend_args: None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.of_proposals = _check_metric(metric)
        if backend_args is not None:
            raise ConfigError('CocoMetric.backend_args: only None is supported, files on disk')
        if format_only and not outfile_prefix:
            raise ConfigError('CocoMetric: format_only=True needs outfile_prefix, a path to write')
        iou_thrs = [iou_thrs] if isinstance(iou_thrs, (int, float)) else iou_thrs
        self.iou_thrs = tuple(iou_thrs) if iou_thrs is not None else IOU_THRS
        if not self.iou_thrs or not all(0 < thr <= 1 for thr in self.iou_thrs):
            raise ConfigError(
                f'CocoMetric.iou_thrs: numbers in (0, 1] are expected, found {iou_thrs!r}'
            )
        self.ann_file = ann_file
        self.classwise = classwise
        if proposal_nums is None:
            proposal_nums = PROPOSAL_NUMS if self.of_proposals else MAX_DETS
        self.proposal_nums = _check_proposal_nums(proposal_nums)
        self.area_ranges = _check_ranges(area_ranges)
        self.metric_items = metric_items
        self.format_only = format_only
        self.outfile_prefix = outfile_prefix

    def set_dataset(self, dataset: Any) -> None:
        """Takes the data set that is evaluated.

        Raises:
            ConfigError: `ann_file` is another file than the data set's, or those of its parts;
                images could not be distinguished in the results file; or `metric_items` has an
                unknown name.
            DataError: the data set has no object that counts, and figures are asked for.
        """
        super().set_dataset(dataset)
        self.figure_names()  # a misspelt one of metric_items is better known before the run
        for own in (getattr(part, 'ann_path', None) for part in leaves(dataset)):
            if self.ann_file and own and Path(self.ann_file).name != Path(own).name:
                raise ConfigError(
                    f"CocoMetric.ann_file: the data set reads '{own}', and the ground truth is its "
                    f"own; '{self.ann_file}' would not be read. Leave ann_file out."
                )
        if self.outfile_prefix:
            check_ids(dataset, 'CocoMetric.outfile_prefix')
        if not self.format_only and not _has_objects(dataset):
            self.refuse_without_objects()

    def figure_names(self) -> list[str]:
        """Returns the names of the figures, without the prefix, before anything is evaluated.

        Raises:
            ConfigError: one of `metric_items` is unknown.
        """
        if self.format_only:
            return []
        if self.of_proposals:
            return [f'AR@{num}' for num in self.proposal_nums]
        shape = len(self.area_ranges), len(self.proposal_nums)
        tables = CocoTables(
            np.zeros((len(self.iou_thrs), 1, 1, *shape)),
            np.zeros((len(self.iou_thrs), 1, *shape)),
            self.iou_thrs,
            tuple(self.area_ranges),
            self.proposal_nums,
        )
        names = [f'bbox_{name}' for name in self._figures(tables)]
        return names + [f'{name}_precision' for name in self.classes if self.classwise]

    def ap_rule(self, figure: str) -> ApRule | None:
        """Returns how the figure of this name, without the prefix, counts AP; None for another."""
        rules = {'bbox_mAP': ApRule(self.iou_thrs, 101)}
        rules |= {f'bbox_mAP_{round(100 * thr)}': ApRule((thr,), 101) for thr in (0.5, 0.75)}
        return rules.get(figure)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Returns the figures, see the class."""
        ordered = self.in_order(results)
        if self.outfile_prefix:
            path = f'{self.outfile_prefix}.bbox.json'
            write_coco_results(ordered, self.dataset, path)
            print_log(f'Detections written to {path}', logger='current')
        if self.format_only:
            return {}
        covered = self.covered(results)
        if self.of_proposals:
            return self._recalls(ordered.of_images(covered), covered) | self.coverage(covered)
        ranks = image_ranks(self.dataset)
        tables = coco_tables(
            ordered.of_images(covered),
            [_coco_info(self.dataset, i) for i in covered],
            self.iou_thrs,
            self.area_ranges,
            self.proposal_nums,
            [ranks[i] for i in covered],
        )
        figures = self._figures(tables)
        print_log(f'\n{coco_table(figures)}', logger='current')
        figures = {f'bbox_{name}': figure for name, figure in figures.items()}
        if self.classwise:
            per_class = self._per_class(tables)
            print_log(f'\n{coco_class_table(per_class)}', logger='current')
            figures |= {f'{name}_precision': row['mAP'] for name, row in per_class.items()}
        self.tabulated = list(figures)
        return figures | self.coverage(covered)

    def _recalls(self, found: FlatDetections, covered: list[int]) -> dict[str, float]:
        infos = [_coco_info(self.dataset, i) for i in covered]
        objects = [info['xywh'][~info['crowd']] for info in infos]
        objects = [np.concatenate([own[:, :2], own[:, :2] + own[:, 2:]], axis=1) for own in objects]
        edges = np.searchsorted(found.image, range(1, len(covered)))
        rows = np.split(found.rows, edges)  # (D, 5) -> (p, 5) of each image
        figures = average_recalls(rows, objects, self.proposal_nums, self.iou_thrs)
        lines = [f'{name}\t{figure:.4f}' for name, figure in figures.items()]
        print_log('\n' + '\n'.join(lines), logger='current')
        return figures

    def _figures(self, tables: CocoTables) -> dict[str, float]:
        ranges = [name for name in self.area_ranges if name != 'all']
        most = self.proposal_nums[-1]
        figures = _precisions(tables, ranges, label=None)
        has_100 = AP_DETS in self.proposal_nums
        figures['mAP'] = tables.ap(max_dets=AP_DETS) if has_100 else -1.0
        if _has(tables, 0.5):
            figures |= {f'mAP_50_{name}': tables.ap(0.5, name, max_dets=most) for name in ranges}
        figures |= {f'AR@{num}': tables.ar(max_dets=num) for num in self.proposal_nums}
        figures |= {f'AR_{name}@{most}': tables.ar(name, max_dets=most) for name in ranges}
        if self.metric_items is None:
            return figures
        for item in self.metric_items:
            if item not in figures:
                raise ConfigError(
                    f"CocoMetric.metric_items: no figure '{item}'.{did_you_mean(item, figures)} "
                    f'Known: {", ".join(figures)}.'
                )
        return {item: figures[item] for item in self.metric_items}

    def _per_class(self, tables: CocoTables) -> dict[str, dict[str, float]]:
        ranges = [name for name in self.area_ranges if name != 'all']
        return {
            name: _precisions(tables, ranges, label) for label, name in enumerate(self.classes, 1)
        }


def _precisions(tables: CocoTables, ranges: list[str], label: int | None) -> dict[str, float]:
    most = tables.max_dets[-1]
    figures = {'mAP': tables.ap(label=label, max_dets=most)}
    figures |= {
        f'mAP_{round(100 * thr)}': tables.ap(thr, label=label, max_dets=most)
        for thr in (0.5, 0.75)
        if _has(tables, thr)
    }
    by_area = {name: tables.ap(area=name, label=label, max_dets=most) for name in ranges}
    return figures | {f'mAP_{name}': figure for name, figure in by_area.items()}


def _has(tables: CocoTables, iou_thr: float) -> bool:
    return bool(np.isclose(tables.iou_thrs, iou_thr).any())


def _has_objects(dataset: Any) -> bool:
    """Whether there is an object for COCO's metric, which also counts some that are not trained."""
    bad = bad_items(dataset)
    good = (i for i in range(len(dataset)) if not bad or dataset.filename(i) not in bad)
    return any((~_coco_info(dataset, i)['crowd']).any() for i in good)


def _coco_info(dataset: Any, i: int) -> dict[str, np.ndarray]:
    if hasattr(dataset, 'get_coco_info'):
        return dataset.get_coco_info(i)
    ann = dataset.get_ann_info(i)
    bboxes = np.concatenate([ann['bboxes'], ann['bboxes_ignore']]).astype(np.float64)
    sides = bboxes[:, 2:] - bboxes[:, :2]
    return dict(
        xywh=np.concatenate([bboxes[:, :2], sides], axis=1),
        labels=np.concatenate([ann['labels'], ann['labels_ignore']]),
        areas=sides.prod(axis=1),
        crowd=np.arange(len(bboxes)) >= len(ann['bboxes']),
    )


def _check_metric(metric: Any) -> bool:
    """Returns whether proposals are measured."""
    names = [metric] if isinstance(metric, str) else list(metric)
    if names in (['bbox'], ['proposal_fast']):
        return names == ['proposal_fast']
    instead = f'. {BOXES_ONLY}' if 'segm' in names else ''
    raise ConfigError(
        f"CocoMetric.metric: only 'bbox' is supported, or 'proposal_fast' for an RPN, "
        f'found {metric!r}{instead}'
    )


def _check_proposal_nums(proposal_nums: Any) -> tuple[int, ...]:
    numbers = tuple(proposal_nums) if isinstance(proposal_nums, (list, tuple)) else ()
    whole = all(type(number) is int and number > 0 for number in numbers)
    if len(numbers) != 3 or not whole or len(set(numbers)) != 3:
        raise ConfigError(
            'CocoMetric.proposal_nums: three different whole numbers of detections are expected, '
            f'as (1, 10, 100); found {proposal_nums!r}'
        )
    numbers = tuple(sorted(numbers))  # as pycocotools does; mmdet's RTMDet has (100, 1, 10)
    if AP_DETS not in numbers:
        print_log(
            f'CocoMetric.proposal_nums: {AP_DETS} is not among {numbers}, so bbox_mAP is -1: COCO '
            f'takes it at {AP_DETS} detections and nothing else. The other figures are taken at '
            f'{numbers[-1]} detections.',
            logger='current',
            level=logging.WARNING,
        )
    return numbers


def _check_ranges(area_ranges: Mapping | None) -> dict[str, tuple[float, float]]:
    if area_ranges is None:
        return AREA_RANGES
    for name, limits in area_ranges.items():
        if len(limits) != 2 or not 0 <= limits[0] < limits[1]:
            raise ConfigError(
                f'CocoMetric.area_ranges: (least, greatest) is expected for {name!r}, '
                f'found {limits!r}'
            )
    named = {name: tuple(map(float, limits)) for name, limits in area_ranges.items()}
    return {'all': AREA_RANGES['all'], **named}
