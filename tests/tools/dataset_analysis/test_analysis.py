"""Coverage before and after, and a suggestion that is a config."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from mmlite.config import load_config
from mmlite.datasets.relocate import relocate
from mmlite.models import build_detector
from mmlite.tools.dataset_analysis.analysis import analyse
from mmlite.tools.dataset_analysis.confirm import with_suggestion
from mmlite.tools.dataset_analysis.coverage import measure_coverage
from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.splits import NetworkBoxes
from mmlite.tools.dataset_analysis.suggest import class_weights, suggest
from tests.runs import BCCD, CHECKOUT, TINY

needs_bccd = pytest.mark.skipif(not BCCD.is_dir(), reason=f'{BCCD} is not there')


def bccd(name: str, **overrides: object) -> Config:
    cfg = load_config(CHECKOUT / 'configs' / name, overrides)
    relocate(cfg, str(BCCD))
    return cfg


def test_classes_weigh_the_same() -> None:
    # three boxes of class 1, one of class 3, none of class 2
    np.testing.assert_allclose(class_weights(np.array([1, 1, 3, 1])), [1 / 6, 1 / 6, 1 / 2, 1 / 6])


def test_sizes_that_are_far_off_are_found(tmp_path: Path) -> None:
    sizes = 'model.bbox_head.anchor_generator'
    far = {f'{sizes}.min_sizes': (3, 6, 9), f'{sizes}.max_sizes': (6, 9, 12)}
    found = analyse(load_config(TINY, far))
    before, after = (part['train'].rows[0] for part in (found.before, found.after))
    assert before['what'] == 'all'
    assert before['shares'][0] < 0.1
    assert after['shares'][0] > 0.6
    assert set(found.suggestion['bbox_head']['anchor_generator']) == {
        'min_sizes',
        'max_sizes',
        'ratios',
    }
    file = tmp_path / 'fitted.py'
    file.write_text(found.config_file())
    pasted = load_config(file)
    head = build_detector(pasted.model).bbox_head
    base = np.concatenate([level.numpy() for level in head.prior_generator.base_priors])
    np.testing.assert_allclose(base[:, 2:] - base[:, :2], found.prior_sides[1], rtol=1e-5)
    assert pasted.train_dataloader == load_config(TINY).train_dataloader


def test_fcos_ranges_spread_the_boxes_over_the_levels() -> None:
    key = 'model.bbox_head.regress_ranges'
    far = ((-1, 64), (64, 128), (128, 256), (256, 1e8))
    cfg = load_config(CHECKOUT / 'tests' / 'tiny_fcos.py', {key: far})
    on_grid = HeadOnGrid(cfg)
    # 20 and 60 px: all of their points are nearer than 64 px to their sides, all in level 0
    bboxes = np.array([[10.0, 10, 30, 30], [20, 20, 80, 80]])
    boxes = NetworkBoxes(bboxes, np.array([1, 2]), np.full((2, 2), 96))
    own = measure_coverage(on_grid, boxes, ('a', 'b'), 0.5)
    assert own.levels == [1, 0, 0, 0]
    suggestion = suggest(on_grid, boxes, 0.5)
    ranges = suggestion['bbox_head']['regress_ranges']
    assert [low for low, _ in ranges[1:]] == [high for _, high in ranges[:-1]]
    assert (ranges[0][0], ranges[-1][1]) == (-1, 1e8)
    changed = HeadOnGrid(with_suggestion(cfg, suggestion))
    spread = measure_coverage(changed, boxes, ('a', 'b'), 0.5)
    assert spread.rows[0]['shares'] == own.rows[0]['shares'] == [1.0]
    assert max(spread.levels) < 0.8
    assert suggest(changed, boxes, 0.5) is None  # nothing is better than that


def test_other_priors_are_measured_but_not_fitted() -> None:
    cfg = load_config(TINY)
    cfg.model.bbox_head.anchor_generator = dict(
        type='TorchvisionAnchorGenerator',
        strides=[8, 16, 32],
        sizes=[[16, 20, 24, 28]] * 3,
        ratios=[1.0],
    )
    found = analyse(cfg)
    assert found.suggestion is None
    assert found.trial.snippet == ''
    assert found.after == found.before
    assert 0 < found.before['train'].rows[0]['mean'] < 1


def test_assigners_without_a_threshold_take_one_half() -> None:
    cfg = load_config(TINY, {'model.train_cfg.assigner': dict(type='ATSSAssigner')})
    assert analyse(cfg).before['train'].thresholds == (0.5, 0.6, 0.7)


@needs_bccd
def test_priors_that_cover_bccd_are_kept() -> None:
    """99.8% of the boxes have a prior with IoU 0.5: other numbers can change nothing there."""
    found = analyse(bccd('ssd/ssd300_bccd.py'), images=10)
    assert found.suggestion is None
    assert found.trial.suggestion is not None
    assert found.trial.own > 0.99
    assert found.after == found.before
    assert found.copies.groups == []


@needs_bccd
def test_default_anchors_miss_the_platelets_of_bccd() -> None:
    key = 'model.bbox_head.anchor_generator.octave_base_scale'
    found = analyse(bccd('retinanet/retinanet_r18_fpn_bccd.py', **{key: 4}), images=10)
    before, after = (
        {row['what']: row['shares'][0] for row in part['train'].rows}
        for part in (found.before, found.after)
    )
    assert before['Platelets'] < 0.25
    assert after['Platelets'] > 0.9
    assert after['all'] > before['all'] + 0.05
