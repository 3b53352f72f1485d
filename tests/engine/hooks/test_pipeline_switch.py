"""Trainings whose pipeline changes in the middle, with recent samples mixed in, EMA and resumes."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmlite.config import load_config
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import (
    PipelineSwitchHook,
    SetEpochInfoHook,
    SyncNormHook,
    YOLOXModeSwitchHook,
    sync_norm,
)
from mmlite.errors import ConfigError
from tests.datasets.toy import toy
from tests.runs import CHECKOUT, equal, log, tiny, weights

TINY_FCOS = CHECKOUT / 'tests' / 'tiny_fcos.py'
LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', with_bbox=True)]
RESIZE = dict(type='Resize', scale=(96, 96), keep_ratio=False)
FIRST = [
    *LOAD,
    dict(type='CachedMosaic', img_scale=(96, 96), max_cached_images=6, random_pop=False),
    RESIZE,
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='CachedMixUp', img_scale=(96, 96), ratio_range=(1.0, 1.0), max_cached_images=4),
    dict(type='PackDetInputs'),
]
SECOND = [*LOAD, RESIZE, dict(type='PackDetInputs')]
HOOKS = [
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.0002, update_buffers=True),
    dict(type='PipelineSwitchHook', switch_epoch=2, switch_pipeline=SECOND),
    dict(type='SetEpochInfoHook'),
    dict(type='SyncNormHook'),
]
SCHEDULE = [
    dict(type='mmdet.QuadraticWarmupLR', by_epoch=True, end=2, convert_to_iter_based=True),
    dict(type='QuadraticWarmupMomentum', by_epoch=False, end=5),
]
EPOCHS = dict(type='EpochBasedTrainLoop', max_epochs=4, val_interval=10)


def config(work_dir: Path, **overrides: object):
    return tiny(
        work_dir,
        train_dataloader__dataset__pipeline=FIRST,
        train_cfg={**EPOCHS, 'dynamic_intervals': [(4, 1)]},
        param_scheduler=SCHEDULE,
        custom_hooks=HOOKS,
        default_hooks__checkpoint=dict(type='CheckpointHook', interval=1),
        **overrides,
    )


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work_dir = tmp_path_factory.mktemp('whole')
    build_runner(config(work_dir)).train()
    return work_dir


def test_it_switches_and_validates_at_the_end(whole: Path) -> None:
    text = log(whole)
    assert text.count('PipelineSwitchHook: the second pipeline begins') == 1
    before, _, after = text.partition('the second pipeline begins')
    assert 'Epoch(train) [2]' in before and 'Epoch(train) [3]' in after
    # val_interval is 10, and 1 from epoch 4 on, as mmengine counts: after epochs 3 and 4
    assert [f'Epoch(val) [{epoch}]' in text for epoch in (1, 2, 3, 4)] == [False, False, True, True]


@pytest.mark.parametrize('epoch', [1, 2, 3])
def test_a_resume_is_exact(whole: Path, tmp_path: Path, epoch: int) -> None:
    shutil.copy(whole / f'epoch_{epoch}.pth', tmp_path)
    path = str(tmp_path / f'epoch_{epoch}.pth')
    build_runner(config(tmp_path, resume=True, load_from=path)).train()
    assert equal(weights(tmp_path, 'epoch_4.pth'), weights(whole, 'epoch_4.pth'))


def test_workers_change_nothing(whole: Path, tmp_path: Path) -> None:
    loading = dict(train_dataloader__num_workers=2, train_dataloader__persistent_workers=True)
    build_runner(config(tmp_path, **loading)).train()
    assert equal(weights(tmp_path, 'epoch_4.pth'), weights(whole, 'epoch_4.pth'))


def test_yolox_s_recipe_resumes_exactly(tmp_path: Path) -> None:
    """Mosaic, RandomAffine and MixUp until the last epochs, and another size every iteration."""
    mixed = [
        dict(type='Mosaic', img_scale=(64, 64), pad_val=114.0),
        dict(type='RandomAffine', scaling_ratio_range=(0.5, 1.5), border=(-32, -32)),
        dict(type='MixUp', img_scale=(64, 64), ratio_range=(0.8, 1.6), pad_val=114.0),
        dict(type='YOLOXHSVRandomAug'),
        dict(type='RandomFlip', prob=0.5),
        dict(type='Resize', scale=(64, 64), keep_ratio=True),
        dict(type='Pad', pad_to_square=True, pad_val=dict(img=(114.0, 114.0, 114.0))),
        dict(type='FilterAnnotations', min_gt_bbox_wh=(1, 1), keep_empty=False),
        dict(type='PackDetInputs'),
    ]
    sizes = dict(type='BatchSyncRandomResize', random_size_range=(64, 128), interval=1)

    def train(work_dir: Path, **beginning: object) -> None:
        cfg = tiny(work_dir, custom_hooks=[dict(type='YOLOXModeSwitchHook', num_last_epochs=1)])
        cfg.update(beginning)
        cfg.model = load_config(TINY_FCOS).model
        cfg.model.data_preprocessor.batch_augments = [sizes]
        inner = {**cfg.train_dataloader.dataset, 'pipeline': LOAD}
        mixture = dict(type='MultiImageMixDataset', dataset=inner, pipeline=mixed)
        cfg.train_dataloader.dataset = mixture
        cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=10)
        cfg.default_hooks.checkpoint.max_keep_ckpts = -1  # the first one is resumed below
        build_runner(cfg).train()

    whole, rest = tmp_path / 'whole', tmp_path / 'rest'
    train(whole)
    assert 'Mosaic, RandomAffine, MixUp end' in log(whole)
    train(rest, resume=True, load_from=str(whole / 'epoch_1.pth'))
    assert equal(weights(rest, 'epoch_3.pth'), weights(whole, 'epoch_3.pth'))


# ---- the hooks by themselves ---------------------------------------------------------------------


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, line: str) -> None:
        self.lines.append(line)

    warning = info


def runner_of(dataset, max_epochs: int = 20, head: nn.Module | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        epoch=0,
        max_epochs=max_epochs,
        logger=Log(),
        train_dataloader=SimpleNamespace(dataset=dataset),
        model=SimpleNamespace(module=SimpleNamespace(bbox_head=head)),
    )


def data(*steps):
    return toy([(8, 8, [(0, 0, 8, 8, 'cat', False)])], pipeline=list(steps))


def names(dataset, epoch: int) -> list[str]:
    dataset.use_epoch(epoch)
    return [type(transform).__name__ for transform in dataset.pipeline.transforms]


def test_yolox_ends_mosaics_and_begins_l1_one_epoch_earlier_than_its_number() -> None:
    head = nn.Module()
    head.use_l1 = False
    dataset = data(dict(type='RandomAffine'), RESIZE)
    runner = runner_of(dataset, head=head)
    hook = YOLOXModeSwitchHook(num_last_epochs=5)
    hook.before_train(runner)
    used = []
    for runner.epoch in (13, 14, 19):
        hook.before_train_epoch(runner)
        used.append(head.use_l1)
    # of 20 epochs the last 6: from index 14 on, as (epoch + 1) >= 20 - 5 in mmdet
    assert used == [False, True, True]
    assert names(dataset, 13) == ['RandomAffine', 'Resize'] and names(dataset, 14) == ['Resize']
    assert runner.logger.lines == [
        'YOLOXModeSwitchHook: Mosaic, RandomAffine, MixUp end; the L1 loss begins'
    ]


def test_yolox_s_hook_without_anything_to_end_says_so() -> None:
    runner = runner_of(data(RESIZE), max_epochs=3)
    hook = YOLOXModeSwitchHook()
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    assert 'the pipeline has none of Mosaic' in runner.logger.lines[0]
    assert runner.logger.lines[1].endswith('the head has no L1 loss')  # 3 < 15: from the start


def test_a_switch_that_never_comes_is_said() -> None:
    runner = runner_of(data(RESIZE), max_epochs=20)
    PipelineSwitchHook(20, [RESIZE]).before_train(runner)
    assert '20 is not before the end of the training, 20' in runner.logger.lines[0]


def test_a_wrong_pipeline_is_refused_when_the_hook_is_built() -> None:
    with pytest.raises(ConfigError, match='Resize: exactly one of'):
        PipelineSwitchHook(1, [dict(type='Resize')])


def test_another_data_set_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'PipelineSwitchHook: a DetDataset .* found list'):
        PipelineSwitchHook(1, [RESIZE]).before_train(runner_of([1, 2]))


def test_parts_get_the_epoch() -> None:
    class Part(nn.Module):
        epoch = None

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

    model = nn.Sequential(nn.Linear(1, 1), Part())
    SetEpochInfoHook().before_train_epoch(SimpleNamespace(epoch=4, model=model))
    assert model[1].epoch == 4


def test_norms_of_two_processes_are_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.BatchNorm2d(2), nn.GroupNorm(1, 2), nn.BatchNorm1d(2, affine=False))
    model[0].running_mean.fill_(4.0)
    runner = SimpleNamespace(model=model)
    SyncNormHook().before_val_epoch(runner)  # one process: as it was
    assert model[0].running_mean.tolist() == [4, 4]
    # the other process has 0 everywhere
    monkeypatch.setattr(sync_norm, 'get_world_size', lambda: 2)
    monkeypatch.setattr(sync_norm, 'all_reduce', lambda tensor, op: tensor.div_(2))
    SyncNormHook().before_val_epoch(runner)
    assert model[0].running_mean.tolist() == [2, 2] and model[0].running_var.tolist() == [0.5, 0.5]
    assert model[2].running_var.tolist() == [0.5, 0.5]
    assert torch.equal(model[0].weight, torch.ones(2))
