"""All that is to be said about the data of a config and the priors of its head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from mmlite.config.text import config_text
from mmlite.errors import DataError
from mmlite.tools.dataset_analysis.confirm import Trial, try_suggestion, with_suggestion
from mmlite.tools.dataset_analysis.copies import Copies, find_copies
from mmlite.tools.dataset_analysis.coverage import Coverage, measure_coverage
from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.pixels import pixel_statistics
from mmlite.tools.dataset_analysis.priors import prior_sides
from mmlite.tools.dataset_analysis.splits import NetworkBoxes, Split, network_boxes, read_splits
from mmlite.tools.dataset_analysis.statistics import split_figures
from mmlite.tools.dataset_analysis.suggest import head_threshold


@dataclass(frozen=True)
class Analysis:
    """Of one config.

    Attributes:
        config: its file.
        classes: their names.
        splits, boxes: the parts of the data, and their boxes in the network's input.
        figures: of each part, see `split_figures`.
        pixels: see `pixel_statistics`; of the training set.
        copies: pictures that are there more than once.
        normalisation: what the config's preprocessor has: mean, std, bgr_to_rgb.
        before, after: coverage of each part with the config's priors and with the suggested ones.
        trial: the fitted priors, and how they do on boxes of other images.
        prior_sides: (P, 2) w, h in pixels of the priors, before and after.
    """

    config: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    boxes: dict[str, NetworkBoxes]
    figures: dict[str, dict[str, Any]]
    pixels: dict[str, Any]
    copies: Copies
    normalisation: dict[str, Any]
    before: dict[str, Coverage]
    after: dict[str, Coverage]
    trial: Trial
    prior_sides: tuple[np.ndarray, np.ndarray]

    @property
    def suggestion(self) -> dict[str, Any] | None:
        """What to merge into `model`; None if nothing better is confirmed."""
        return self.trial.confirmed

    def config_file(self) -> str:
        """Text of a config that is the one analysed with the suggested priors."""
        base = str(Path(self.config).resolve())
        return (
            '# The priors that tools/analyze_dataset.py fitted to the training boxes of the base.\n'
            '# Its other flags, such as --data-root, are needed on the next command line as well.\n'
            f'{config_text(dict(_base_=[base]))}{self.trial.snippet}'
        )

    def to_json(self) -> dict[str, Any]:
        """All figures as plain data."""
        return dict(
            config=self.config,
            classes=self.classes,
            splits=self.figures,
            pixels=self.pixels,
            normalisation=self.normalisation,
            duplicates=self.copies.to_json(),
            coverage=dict(before=_summaries(self.before), after=_summaries(self.after)),
            suggestion=self.suggestion,
            trial=self.trial.to_json(),
        )


def analyse(cfg: Config, images: int = 1000) -> Analysis:
    """Reads the data of a config and looks at them and at the priors of its head.

    Args:
        cfg: from `load_config`.
        images: how many are read for the statistics of pixels.

    Raises:
        ConfigError: the config has no data for training or no model, or cannot be built.
        DataError: the data are missing or cannot be used.
    """
    on_grid = HeadOnGrid(cfg)
    splits, transforms = read_splits(cfg)
    named = {split.name: split for split in splits}
    boxes = {
        split.name: network_boxes(split, transforms, on_grid.pad_size_divisor) for split in splits
    }
    if not len(boxes['train'].labels):
        raise DataError(f'{cfg.filename}: there is no box to be found in the training set')
    thr = head_threshold(on_grid.head)
    classes = splits[0].classes
    before = {name: measure_coverage(on_grid, part, classes, thr) for name, part in boxes.items()}
    trial = try_suggestion(cfg, named, transforms)
    other, after = on_grid, before
    if trial.confirmed:
        other = HeadOnGrid(with_suggestion(cfg, trial.confirmed))
        after = {name: measure_coverage(other, part, classes, thr) for name, part in boxes.items()}
    return Analysis(
        config=str(cfg.filename),
        classes=classes,
        splits=named,
        boxes=boxes,
        figures={name: split_figures(split, boxes[name]) for name, split in named.items()},
        pixels=pixel_statistics(named['train'].usable_files, images),
        copies=find_copies({split.name: split.usable_files for split in splits}),
        normalisation=_normalisation(cfg),
        before=before,
        after=after,
        trial=trial,
        prior_sides=tuple(prior_sides(one.compared) for one in (on_grid, other)),
    )


def _normalisation(cfg: Config) -> dict[str, Any]:
    preprocessor = cfg.model.get('data_preprocessor') or {}
    keys = ('mean', 'std', 'bgr_to_rgb')
    return {key: preprocessor[key] for key in keys if preprocessor.get(key) is not None}


def _summaries(parts: Mapping[str, Coverage]) -> dict[str, Any]:
    return {name: part.summary() for name, part in parts.items()}
