"""Names of metrics are checked before the first step."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.hooks import Hook

from mmlite.engine.build import build_runner
from mmlite.engine.metric_names import known_names
from mmlite.errors import ConfigError
from mmlite.evaluation import CocoMetric, VOCMetric, evaluate_results
from tests.evaluation.test_coco import RESULTS, TwoImages
from tests.runs import log, tiny


def with_hook(work_dir: Path, metrics: list, **hook: object):
    hook = dict(type='CheckpointHook', interval=-1, **hook)
    cfg = tiny(work_dir, train_cfg__max_epochs=1, default_hooks__checkpoint=hook)
    cfg.val_evaluator = metrics
    return build_runner(cfg)


COCO = dict(type='CocoMetric', classwise=True, prefix='mine')
VOC = dict(type='VOCMetric', iou_thrs=[0.5, 0.75])


@pytest.mark.parametrize(
    ('name', 'near'),
    [('mine/bbox_mAP50', 'mine/bbox_mAP_50'), ('pascal_voc/mAp', 'pascal_voc/mAP')],
)
def test_before_the_training(tmp_path: Path, name: str, near: str) -> None:
    runner = with_hook(tmp_path, [COCO, VOC], save_best=['pascal_voc/mAP', name])
    with pytest.raises(ConfigError, match=f"save_best: .* '{name}'. Did you mean '{near}'"):
        runner.train()
    assert 'Epoch(train)' not in log(tmp_path)


def test_two_best_files(tmp_path: Path) -> None:
    best = ['mine/bbox_mAP', 'mine/square_precision']
    with_hook(tmp_path, [COCO], save_best=best).train()
    found = sorted(path.name for path in tmp_path.glob('best_*'))
    assert found == ['best_mine_bbox_mAP_epoch_1.pth', 'best_mine_square_precision_epoch_1.pth']


def test_a_hook_of_a_plugin_may_give_others(tmp_path: Path) -> None:
    class Adds(Hook):
        def after_val_epoch(self, runner, metrics=None) -> None:
            metrics['speed'] = 1.0

    runner = with_hook(tmp_path, [VOC])
    runner._val_loop = runner.build_val_loop(runner._val_loop)
    assert known_names(runner) == ['pascal_voc/mAP', 'pascal_voc/AP50', 'pascal_voc/AP75']
    runner.register_hook(Adds())
    assert known_names(runner) is None


@pytest.mark.parametrize(
    'metric',
    [
        CocoMetric(classwise=True),
        CocoMetric(iou_thrs=[0.6], proposal_nums=(5, 6, 7), area_ranges=dict(a=(0, 5))),
        CocoMetric(metric_items=['mAP_s']),
        VOCMetric([0.3, 0.5]),
    ],
)
def test_the_names_are_those_that_come(metric) -> None:
    figures = evaluate_results(RESULTS, TwoImages(), [metric])
    assert [f'{metric.prefix}/{name}' for name in metric.figure_names()] == list(figures)
