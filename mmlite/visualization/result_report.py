"""The HTML report of one file of results, and the parts of it that others use too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmlite.datasets.bad_items import bad_items
from mmlite.evaluation.ap_rule import ApRule
from mmlite.evaluation.calibration import calibration
from mmlite.evaluation.class_curves import ClassCurve, ap_gains, best_thresholds, class_curves
from mmlite.evaluation.confusion import ImageCounts, confusion_matrix, image_counts
from mmlite.evaluation.error_types import ERRORS, Judged, judge
from mmlite.evaluation.results import result2bbox
from mmlite.evaluation.suspect_gate import Strength, gate_text, strengths, trusted
from mmlite.evaluation.suspicious import Suspicion, suspicions_csv, suspicious_labels
from mmlite.evaluation.verdict import results_verdict
from mmlite.support.progress import progress
from mmlite.visualization import page, result_plots
from mmlite.visualization.curves import curves_figure
from mmlite.visualization.sheets import beside_truth

IMAGES_SHOWN = 8  # of the worst, and of the best
SUSPICIONS_SHOWN = 25
CONFUSIONS_SHOWN = 10
CSV_NAME = 'suspicious_labels.csv'

_NO_BOXES = dict(bboxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64))
_MEANINGS = dict(
    localisation='right class, IoU from 0.1 to 0.5',
    classification='IoU of 0.5 or more with a box of another class',
    duplicate='IoU of 0.5 or more with a box that a surer detection found',
    background='IoU of 0.1 or less with every box',
    both='another class, and IoU from 0.1 to 0.5',
    missed='box that is neither found nor meant by a localisation or classification error',
)


@dataclass(frozen=True, eq=False)
class Findings:
    """Results of a data set, and what they are worth at an IoU of 0.5.

    Attributes:
        results: in the (n_imgs)(n_class)(k, 5) form.
        dataset: the data set they are of.
        truths: the annotations that count, for each image.
        judged, curves, thresholds: see `error_types` and `class_curves`.
    """

    results: Sequence[Sequence[np.ndarray]]
    dataset: Any
    truths: Sequence[Mapping[str, np.ndarray]]
    judged: Judged
    curves: list[ClassCurve]
    thresholds: np.ndarray

    def judged_by(self, rule: ApRule) -> list[Judged]:
        """Returns the results judged at each IoU threshold of a metric."""
        return [judge(self.results, self.truths, iou_thr) for iou_thr in rule.iou_thrs]

    @cached_property
    def counts(self) -> ImageCounts:
        """Of each image, at the thresholds."""
        return image_counts(self.judged, self.thresholds)

    @cached_property
    def strengths(self) -> list[Strength]:
        """What the results are worth for each class, with a look at tighter boxes."""
        at75 = judge(self.results, _truths(self.dataset), 0.75)
        return strengths(self.judged, at75, self.dataset.classes)

    @cached_property
    def suspicions(self) -> list[Suspicion]:
        """The annotations that classes of enough strength contradict."""
        names = [self.dataset.filename(i) for i in range(len(self.dataset))]
        found = suspicious_labels(self.judged, self.thresholds, names, self.dataset.classes)
        return trusted(found, self.strengths)


def findings(results: Sequence[Sequence[np.ndarray]], dataset: Any) -> Findings:
    """Judges results against the ground truth of the data set itself.

    The boxes of images that are known to be bad, and so were skipped, count as none.
    """
    truths = _truths(dataset)
    judged = judge(results, truths)
    curves = class_curves(judged)
    return Findings(results, dataset, truths, judged, curves, best_thresholds(curves))


def _truths(dataset: Any) -> list[Mapping[str, np.ndarray]]:
    bad = bad_items(dataset)
    return [
        _NO_BOXES if bad and dataset.filename(i) in bad else dataset.get_ann_info(i)
        for i in progress(range(len(dataset)), 'reading the ground truth')
    ]


def report_page(
    title: str,
    subject: Sequence[tuple[str, str]],
    found: Findings,
    log: Sequence[dict],
    figures: Mapping[str, float],
) -> str:
    """Returns the report as the text of one HTML file.

    Args:
        title: of the page.
        subject: names and values of what it is of: config, checkpoint, date, data set.
        found: the results, judged.
        log: lines of the training, see `run_log`; none leaves the curves out.
        figures: of the config's own metric, by name.
    """
    top = [
        page.lead(results_verdict(found.judged, found.curves, found.dataset.classes)),
        page.facts(subject),
    ]
    sections = [_summary(found, figures)]
    training = curves_figure(log)
    if training is not None:
        sections.append(page.section('Training', page.figure(training)))
    sections += [
        _classes(found),
        _confusion(found),
        _errors(found.judged),
        _calibration(found.judged),
        *_images(found),
        _suspicions(found.suspicions, found.strengths),
    ]
    return page.page(title, top, sections)


def _summary(found: Findings, figures: Mapping[str, float]) -> page.PageSection:
    judged = found.judged
    rows = [
        ('', 'value'),
        ('images', judged.num_images),
        ('annotated boxes', len(judged.gt_label)),
        ('detections', len(judged.label)),
        *((name, f'{value:.4f}') for name, value in figures.items()),
    ]
    return page.section(
        'Results',
        page.table(rows),
        page.paragraph(
            'The figures with a name before the slash are those of the metric of the config. All '
            'that follows counts a detection as right at an IoU of 0.5 or more, and, where a '
            'decision is needed, at the score threshold of its class that gives the best F1.'
        ),
    )


def _classes(found: Findings) -> page.PageSection:
    classes = found.dataset.classes
    head = ('class', 'boxes', 'AP', 'best threshold', 'F1', 'precision', 'recall')
    rows = [
        (name, curve.num_gts, *(f'{value:.3f}' for value in (curve.ap, *curve.best())))
        for name, curve in zip(classes, found.curves, strict=True)
    ]
    return page.section(
        'Classes',
        page.table([head, *rows]),
        page.paragraph('F1, precision and recall are those at the best threshold.'),
        page.figure(result_plots.pr_figure(found.curves, classes)),
        page.figure(result_plots.f1_figure(found.curves, classes)),
    )


def _confusion(found: Findings) -> page.PageSection:
    matrix = confusion_matrix(found.judged, found.thresholds)
    classes = found.dataset.classes
    return page.section(
        'Which class is taken for which',
        page.paragraph(
            'Rows are annotated boxes, columns detections. The row background holds detections of '
            'nothing, the column background boxes that were not found.'
        ),
        page.figure(result_plots.confusion_figure(matrix, classes)),
        *_most_confused(matrix, classes),
    )


def _most_confused(matrix: np.ndarray, classes: Sequence[str]) -> list[str]:
    """Returns the pairs of classes that are confused most often as a table; nothing for none."""
    pairs = matrix[1:, 1:].copy()
    np.fill_diagonal(pairs, 0)
    order = np.argsort(-pairs, axis=None, kind='stable')[:CONFUSIONS_SHOWN]
    places = zip(*np.unravel_index(order, pairs.shape), strict=True)
    rows = [(classes[r], classes[c], pairs[r, c]) for r, c in places if pairs[r, c]]
    return [page.table([('annotated', 'taken for', 'boxes'), *rows])] if rows else []


def error_counts(judged: Judged) -> dict[str, int]:
    """Returns the number of errors of each type, at any score."""
    counts = {kind.name.lower(): int((judged.kind == kind).sum()) for kind in ERRORS}
    return {**counts, 'missed': int(judged.gt_missed.sum())}


def _errors(judged: Judged) -> page.PageSection:
    counts, gains = error_counts(judged), ap_gains(judged)
    rows = [(name, _MEANINGS[name], counts[name], f'{gains[name]:+.4f}') for name in counts]
    return page.section(
        'Errors',
        page.paragraph(
            'The types of TIDE (Bolya et al. 2020), over detections of any score; the gain is '
            'what the mean AP would rise by if there were none of one type.'
        ),
        page.table([('type', 'what it is', 'count', 'AP gain'), *rows]),
        page.figure(result_plots.errors_figure(counts, gains)),
    )


def _calibration(judged: Judged) -> page.PageSection:
    return page.section(
        'Calibration',
        page.paragraph(
            'Of detections with a score of 0.7, 70% should be right: bars on the dashed line. '
            'The mean error is the distance from it, weighted by the detections.'
        ),
        page.figure(result_plots.calibration_figure(calibration(judged))),
    )


def _images(found: Findings) -> list[page.PageSection]:
    counts = found.counts
    worst = np.argsort(-counts.errors, kind='stable')[:IMAGES_SHOWN]
    worst = [i for i in worst.tolist() if counts.errors[i]]
    # the best have few errors, and of equals the one with the most boxes says most
    order = np.lexsort((-counts.right, counts.errors))[:IMAGES_SHOWN].tolist()
    best = [i for i in order if i not in worst]
    return [
        page.section(
            f'{title} images',
            page.paragraph('Annotated on the left, detected on the right.'),
            *shown,
        )
        for title, shown in (
            ('Worst', [image_figure(found, i) for i in progress(worst, 'drawing images')]),
            ('Best', [image_figure(found, i) for i in progress(best, 'drawing images')]),
        )
        if shown
    ]


def image_figure(found: Findings, i: int, note: str = '') -> str:
    """Returns image i as HTML: its boxes beside the detections at the classes' best thresholds."""
    counts = found.counts
    name = Path(found.dataset.filename(i)).name
    caption = (
        f'{name}: {counts.right[i]} found, {counts.wrong[i]} wrong, {counts.missed[i]} missed{note}'
    )
    det = result2bbox(found.results[i])
    return page.picture(beside_truth(found.dataset, i, det, found.thresholds), caption)


def _suspicions(suspicions: Sequence[Suspicion], found: Sequence[Strength]) -> page.PageSection:
    parts = [page.paragraph(gate_text(found))]
    if suspicions:
        head = ('image', 'question', 'annotated', 'detected', 'score', 'IoU')
        rows = [
            (Path(s.file).name, s.reason, s.annotated, s.detected, s.score, s.iou)
            for s in suspicions[:SUSPICIONS_SHOWN]
        ]
        text = f'{len(suspicions)} places where the surest detections and the annotations disagree'
        parts += [
            page.paragraph(f'{text}; the first of them are:'),
            page.table([head, *rows]),
            f'<p>All of them: {page.download(CSV_NAME, suspicions_csv(suspicions))}</p>',
        ]
    elif not all(strength.why_not for strength in found):
        parts.append(page.paragraph('Annotations and sure detections disagree nowhere.'))
    return page.section('Annotations to look at again', *parts)
