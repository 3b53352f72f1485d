from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmlite.config import load_config
from mmlite.datasets.transforms import Compose
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.examine import examine
from mmlite.tools.doctor.pipeline import Probe
from tests.runs import TINY

AUGMENTED = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Expand', mean=[123.675, 116.28, 103.53], to_rgb=True, ratio_range=(1, 2)),
    dict(type='MinIoURandomCrop', min_ious=(0.3, 0.5, 0.9), min_crop_size=0.5),
    dict(type='Resize', scale=(192, 192), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackDetInputs'),
]


def probe(*bbox: float) -> Probe:
    none = np.zeros((0, 4), np.float32)
    ann = dict(
        bboxes=np.array([bbox], np.float32),
        labels=np.array([1]),
        bboxes_ignore=none,
        labels_ignore=none[:, 0],
    )
    return Probe(dict(width=100, height=50, ann=ann), seed=0)


def test_pixels_are_found_where_a_step_puts_them() -> None:
    steps = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='Resize', scale=(200, 100), keep_ratio=False),
        dict(type='RandomFlip', prob=1.0),
    ]
    outcome = probe(10, 20, 40, 30).through(Compose(steps))
    assert outcome is not None
    # doubled: 20, 40, 80, 60; mirrored in 200 px: 200 - 80 = 120 to 200 - 20 = 180
    assert outcome[1].tolist() == [120, 40, 180, 60]
    assert outcome[0]['gt_bboxes'].tolist() == [[120, 40, 180, 60]]


def test_a_dropped_sample_says_nothing() -> None:
    assert probe(10, 20, 40, 30).through(Compose([lambda results: None])) is None


def test_heavy_augmentation_is_no_mistake() -> None:
    cfg = load_config(TINY)
    cfg.train_dataloader.dataset.pipeline = AUGMENTED
    findings = list(examine(Context(cfg), only=['boxes']))
    assert [finding.verdict for finding in findings] == ['ok', 'ok', 'ok'], findings


@pytest.mark.parametrize('raised', [ZeroDivisionError('by nothing'), KeyError('img')])
def test_what_a_part_raises_is_a_finding(raised: Exception) -> None:
    def fails(results: dict[str, Any]) -> dict[str, Any]:
        raise raised

    context = Context(load_config(TINY))
    context.train.pipeline.transforms.insert(1, fails)
    (finding,) = examine(context, only=['boxes'])
    assert finding.verdict == 'error'
    assert 'fails (step 2 of 6) failed' in finding.evidence
    assert type(raised).__name__ in finding.evidence
