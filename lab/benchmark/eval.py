"""Seconds from results to figures: VOC's mAP beside mmdet's, COCO's twelve beside the library's.

The results are made up: 20 classes, and 100 detections an image, of which one to five lie near an
object.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from lab.benchmark.mmdet_eval import HOW_TO_GET, load_mean_ap, without_processes
from lab.benchmark.report import Cell, Report
from lab.benchmark.timing import median_seconds
from mmlite.evaluation import eval_map
from mmlite.evaluation.coco import CocoTables, coco_tables

NUM_CLASSES = 20
NUM_DETS = 100  # an image
MODES = {'area': 'VOC mAP, area', '11points': 'VOC mAP, 11 points'}

Results = list[list[np.ndarray]]
Annotations = list[dict[str, np.ndarray]]
Cases = dict[str, Callable[[], Any]]


def measure(images: int, peer: Path | None, rounds: int) -> Report:
    """Measures `eval_map` and `coco_tables`.

    Args:
        images: number of images.
        peer: mmdet's wheel, or the folder it was unpacked into; None leaves its figures out.
        rounds: timed runs of each.

    Raises:
        ConfigError: mmdet's mean_ap.py is not there.
    """
    results, annotations = made_up(images)
    cases = {**_voc_cases(results, annotations, peer), **_coco_cases(results, annotations)}
    gc.freeze()  # the garbage collector skips the floor's objects, so no case pays for them
    try:
        seconds = median_seconds(cases, rounds)
    finally:
        gc.unfreeze()
    seconds['coco list'] -= seconds.pop('coco rows')  # the library's caller makes the list
    return Report(
        verb='eval',
        rows=_rows(seconds),
        settings=dict(images=images, classes=NUM_CLASSES, detections=NUM_DETS, rounds=rounds),
        notes=_notes(cases),
    )


def made_up(images: int) -> tuple[Results, Annotations]:
    """Returns results in the (n_imgs)(n_class)(k, 5) form and annotations as of `eval_map`."""
    rng = np.random.default_rng(0)

    def boxes(count: int) -> np.ndarray:
        corner = rng.uniform(0, 300, (count, 2))
        return np.concatenate([corner, corner + rng.uniform(10, 150, (count, 2))], axis=1)

    results, annotations = [], []
    for _ in range(images):
        bboxes = boxes(rng.integers(1, 6)).astype(np.float32)
        labels = rng.integers(1, NUM_CLASSES + 1, NUM_DETS)
        near = bboxes + rng.normal(0, 6, bboxes.shape)
        found = np.concatenate([near, boxes(NUM_DETS - len(near))])
        found = np.hstack([found, rng.uniform(0, 1, (NUM_DETS, 1))]).astype(np.float32)
        results.append([found[labels == label] for label in range(1, NUM_CLASSES + 1)])
        ignored = dict(bboxes_ignore=np.zeros((0, 4), np.float32), labels_ignore=labels[:0])
        annotations.append(dict(bboxes=bboxes, labels=labels[: len(bboxes)], **ignored))
    return results, annotations


def _voc_cases(results: Results, annotations: Annotations, peer: Path | None) -> Cases:
    cases: Cases = {'voc floor': lambda: np.concatenate(list(chain.from_iterable(results)))}
    for mode in MODES:
        cases[f'{mode} mmlite'] = partial(eval_map, results, annotations, eval_mode=mode)
    if peer is None:
        return cases
    mmdet = load_mean_ap(peer)
    from_zero = [{**ann, 'labels': ann['labels'] - 1} for ann in annotations]  # as mmdet counts
    for mode in MODES:
        case = partial(
            mmdet.eval_map,
            results,
            from_zero,
            eval_mode=mode,
            use_legacy_coordinate=True,
            logger='silent',
            nproc=1,
        )
        cases[f'{mode} mmdet'] = case
        cases[f'{mode} mmdet here'] = partial(without_processes, mmdet, case)
    return cases


def _coco_cases(results: Results, annotations: Annotations) -> Cases:
    truths = [_coco_truth(ann) for ann in annotations]
    dataset = _coco_file(truths)
    rows = _coco_rows(results)
    array = np.array(
        [(row['image_id'], *row['bbox'], row['score'], row['category_id']) for row in rows]
    )
    found = COCO(dataset).loadRes(rows)
    return {
        'coco mmlite': lambda: _twelve(coco_tables(results, truths)),
        'coco rows': lambda: _coco_rows(results),
        'coco list': lambda: _library(dataset, _coco_rows(results)),  # loadRes writes into it
        'coco array': lambda: _library(dataset, array),
        'coco floor': lambda: COCOeval_faster(COCO(dataset), found, 'bbox').evaluate(),
    }


def _library(dataset: dict, results: list[dict] | np.ndarray) -> np.ndarray:
    """Returns the twelve figures, by faster-coco-eval as its user calls it."""
    truth = COCO(dataset)
    evaluation = COCOeval_faster(truth, truth.loadRes(results), 'bbox')
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation.stats[:12]


def _coco_truth(ann: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    corners = ann['bboxes'].astype(np.float64)
    sides = corners[:, 2:] - corners[:, :2]
    return dict(
        xywh=np.concatenate([corners[:, :2], sides], axis=1),
        labels=ann['labels'],
        areas=sides.prod(axis=1),
        crowd=np.zeros(len(sides), bool),
    )


def _coco_file(truths: Annotations) -> dict:
    annotations = [
        dict(image_id=i, bbox=bbox, category_id=label, area=area, iscrowd=0)
        for i, truth in enumerate(truths)
        for bbox, label, area in zip(
            truth['xywh'].tolist(), truth['labels'].tolist(), truth['areas'].tolist(), strict=True
        )
    ]
    return dict(
        images=[dict(id=i) for i in range(len(truths))],
        annotations=[dict(ann, id=number) for number, ann in enumerate(annotations, 1)],
        categories=[dict(id=label, name=str(label)) for label in range(1, NUM_CLASSES + 1)],
    )


def _coco_rows(results: Results) -> list[dict]:
    """Returns what mmdet writes into a file of COCO results."""
    return [
        dict(image_id=i, category_id=label, bbox=[x1, y1, x2 - x1, y2 - y1], score=score)
        for i, per_class in enumerate(results)
        for label, dets in enumerate(per_class, 1)
        for x1, y1, x2, y2, score in dets.tolist()
    ]


def _twelve(tables: CocoTables) -> np.ndarray:
    sizes = ('s', 'm', 'l')
    precisions = [tables.ap(thr) for thr in (None, 0.5, 0.75)]
    precisions += [tables.ap(area=size) for size in sizes]
    recalls = [tables.ar(max_dets=count) for count in (1, 10, 100)]
    return np.array(precisions + recalls + [tables.ar(area=size) for size in sizes])


def _rows(seconds: dict[str, float]) -> list[dict[str, Cell]]:
    compared = [
        *((mode, 'mmdet, nproc=1', 'mmdet') for mode in MODES),
        *((mode, 'mmdet, no pool of processes', 'mmdet here') for mode in MODES),
        ('coco', 'faster-coco-eval, list of dicts', 'list'),
        ('coco', 'faster-coco-eval, array', 'array'),
    ]
    rows = []
    for case, peer, key in compared:
        ours, theirs = seconds[f'{case} mmlite'], seconds.get(f'{case} {key}')
        rows.append(
            {
                'figure': MODES.get(case, 'COCO, 12 figures'),
                'mmlite s': ours,
                'peer': peer,
                'peer s': theirs,
                'peer / mmlite': theirs and theirs / ours,
                'floor s': seconds['coco floor' if case == 'coco' else 'voc floor'],
            }
        )
    return rows


def _notes(cases: Cases) -> list[str]:
    """How far the figures lie apart, and what the floors are."""
    coco = np.abs(cases['coco mmlite']() - cases['coco array']()).max()
    notes = [
        'floor: for VOC one array made of all; for COCO only evaluate(), on objects made before',
        f'COCO: the largest difference of a figure is {coco:.1e}',
    ]
    if 'area mmdet' not in cases:
        return [*notes, f"mmdet's figures: {HOW_TO_GET}"]
    for mode, name in MODES.items():
        ours, theirs = (_aps(cases[f'{mode} {who}']()) for who in ('mmlite', 'mmdet here'))
        notes.append(
            f'{name}: the largest difference of an AP is {np.abs(ours - theirs).max():.1e}'
        )
    return notes


def _aps(result: tuple[float, list[dict]]) -> np.ndarray:
    figure, per_class = result
    return np.array([figure, *(row['ap'] for row in per_class)])
