"""Whether suggested priors help on boxes that they were not fitted to.

Numbers that are fitted to the training boxes cover these no worse than the config's own; that says
nothing about others. So both are measured on boxes of images that the fit has not seen, by the
table that the tool prints, and a suggestion is given only where it is better there. The best IoU
of a box is not all: priors that cover more boxes with fewer priors for each have lowered mAP, so
the share of boxes with several positive priors must not fall either.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from mmengine.config import Config

from mmlite.config import Config as ReadableConfig
from mmlite.config.text import config_text
from mmlite.tools.dataset_analysis.coverage import measure_coverage
from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.positives import SEVERAL, share_with_several
from mmlite.tools.dataset_analysis.splits import NetworkBoxes, Split, network_boxes
from mmlite.tools.dataset_analysis.suggest import head_threshold, suggest

MARGIN = 0.02  # of the boxes: a smaller gain changed no mAP that was measured, see docs/tools.md
_ERRORS = 2  # standard errors of the gain that it has to exceed as well
_ENOUGH = 20  # boxes that a gain can be measured on
_HELD_OUT = 5  # of this number of training images one is held out
_KEPT = "The config's own priors are kept"


@dataclass(frozen=True)
class Trial:
    """Priors fitted to some boxes, measured on others.

    Attributes:
        suggestion: what to merge into `model`; None where the fit finds nothing else.
        measured_on: the boxes it is measured on, in words.
        what: what is measured, in words.
        boxes: how many there are.
        own, other: the share of them that the config's own and the fitted priors cover.
        own_classes, other_classes: the mean over the classes of the share of each.
        own_several, other_several: the share of boxes with SEVERAL positive priors or more.
        margin: the gain in `own` that is asked for.
    """

    suggestion: dict[str, Any] | None
    measured_on: str
    what: str = ''
    boxes: int = 0
    own: float = 0.0
    other: float = 0.0
    own_classes: float = 0.0
    other_classes: float = 0.0
    own_several: float = 0.0
    other_several: float = 0.0
    margin: float = MARGIN

    @property
    def confirmed(self) -> dict[str, Any] | None:
        """The suggestion where it helps: more boxes are covered, and nothing else gets worse."""
        keeps = self.other_classes >= self.own_classes and self.other_several >= self.own_several
        return self.suggestion if keeps and self.other - self.own >= self.margin else None

    @property
    def snippet(self) -> str:
        """The confirmed suggestion as text to paste into the config; '' without one."""
        return config_text(dict(model=self.confirmed)) if self.confirmed else ''

    def __str__(self) -> str:
        """Says what was measured, in one line."""
        if self.suggestion is None and not self.boxes:
            return f'{_KEPT}: {self.measured_on}.'
        figures = (
            f'{self.what} of the {self.boxes} boxes {self.measured_on} '
            f'{_arrow(self.own, self.other)}, mean of the classes '
            f'{_arrow(self.own_classes, self.other_classes)}, with {SEVERAL} positive priors or '
            f'more {_arrow(self.own_several, self.other_several)}'
        )
        if self.confirmed:
            return f'The suggested priors are better on boxes they were not fitted to: {figures}.'
        return (
            f'{_KEPT}. Those fitted to the training boxes: {figures}; the first has to gain '
            f'{100 * self.margin:.1f} points, and none may fall.'
        )

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as plain data."""
        return asdict(self) | dict(confirmed=self.confirmed is not None)


def _arrow(own: float, other: float) -> str:
    return f'{100 * own:.1f}% -> {100 * other:.1f}%'


def try_suggestion(cfg: Config, splits: Mapping[str, Split], transforms: list) -> Trial:
    """Fits priors to training boxes and measures them on boxes of other images.

    Those are the validation's that are in no training image. Where they are too few, one image of
    five is held out of the training set.

    Args:
        cfg: from `load_config`.
        splits, transforms: from `read_splits`, by name.
    """
    on_grid = HeadOnGrid(cfg)
    fitted_to, measured_on, where = _parts(splits)
    fit_boxes, boxes = (
        network_boxes(part, transforms, on_grid.pad_size_divisor)
        for part in (fitted_to, measured_on)
    )
    if len(boxes.labels) < _ENOUGH or not len(fit_boxes.labels):
        reason = f'{len(boxes.labels)} boxes {where} are too few to try others on'
        return Trial(None, f'{reason}; {_ENOUGH} are asked for')
    thr = head_threshold(on_grid.head)
    suggestion = suggest(on_grid, fit_boxes, thr)
    if suggestion is None:
        return Trial(None, 'the fit to the training boxes finds no better ones')
    other = HeadOnGrid(with_suggestion(cfg, suggestion))
    return _measured(on_grid, other, boxes, thr, Trial(suggestion, where))


def _measured(
    own: HeadOnGrid, other: HeadOnGrid, boxes: NetworkBoxes, thr: float, trial: Trial
) -> Trial:
    before, after = (measure_coverage(one, boxes, (), thr) for one in (own, other))
    least = before.thresholds[0]
    covered = [part.values >= least for part in (before, after)]
    gain = covered[1].astype(float) - covered[0]
    classes = [_class_mean(part, boxes.labels) for part in covered]
    several = [share_with_several(part.counts) or 0.0 for part in (before, after)]
    return Trial(
        trial.suggestion,
        trial.measured_on,
        'share with a point in range' if before.levels is not None else f'share with IoU {least:g}',
        len(gain),
        float(covered[0].mean()),
        float(covered[1].mean()),
        *classes,
        *several,
        margin=max(MARGIN, _ERRORS * float(gain.std()) / len(gain) ** 0.5),
    )


def _class_mean(covered: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean over the classes of the share of their boxes: mAP weighs them so."""
    return float(np.mean([covered[labels == label].mean() for label in np.unique(labels)]))


def _parts(splits: Mapping[str, Split]) -> tuple[Split, Split, str]:
    """Returns the images to fit to, those to measure on, and what the latter are, in words."""
    train = splits['train']
    if 'val' in splits:
        seen = {os.path.realpath(file) for file in train.files}
        files = splits['val'].files
        unseen = splits['val'].take([os.path.realpath(file) not in seen for file in files])
        if (~unseen.ignored).sum() >= _ENOUGH:
            return train, unseen, 'of val'
    order = np.random.default_rng(0).permutation(len(train.files))
    held_out = np.isin(np.arange(len(order)), order[: -(-len(order) // _HELD_OUT)])
    where = f'of {int(held_out.sum())} training images that were held out'
    return train.take(~held_out), train.take(held_out), where


def with_suggestion(cfg: Config, suggestion: Mapping[str, Any]) -> Config:
    """Returns the config with the suggestion merged into its model."""
    changed = ReadableConfig(copy.deepcopy(cfg.to_dict()), filename=cfg.filename)
    changed.merge_from_dict(dict(model=suggestion))
    return changed
