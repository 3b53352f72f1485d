from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from torch import nn

from mmlite.config import load_config
from mmlite.engine.build import build_runner
from mmlite.engine.checks import (
    check_checkpoint_classes,
    check_config,
    check_head_against_data,
    check_validation_classes,
)
from mmlite.engine.parts import Parts
from mmlite.errors import ConfigError
from tests.runs import CLASSES, CONFIGS, TINY, tiny


def complaint(*overrides: str, task: str = 'train') -> str:
    with pytest.raises(ConfigError) as info:
        _ = Parts(load_config(TINY, list(overrides)), task).checked_cfg
    return str(info.value)


@pytest.mark.parametrize('name', ['ssd300_voc', 'ssd300_bccd', 'ssd_demo'])
@pytest.mark.parametrize('task', ['train', 'test'])
def test_the_configs_pass(name: str, task: str) -> None:
    _ = Parts(load_config(CONFIGS / 'ssd' / f'{name}.py'), task).checked_cfg


@pytest.mark.parametrize(
    ('override', 'message'),
    [
        ('optim_wrapper.type=OptimWraper', "optim_wrapper: type 'OptimWraper' is not in"),
        (
            '+optim_wrapper.clip_grd=None',
            "optim_wrapper: OptimWrapper takes no argument 'clip_grd'",
        ),
        ('optim_wrapper.optimizer.type=SDG', "optim_wrapper.optimizer: type 'SDG' is not in"),
        (
            '+optim_wrapper.optimizer.momentun=0.9',
            "optim_wrapper.optimizer: SGD takes no argument 'momentun'. Did you mean 'momentum'?",
        ),
        ('optim_wrapper.optimizer={}', "optim_wrapper.optimizer: a dict with the key 'type'"),
        ('optim_wrapper={}', "optim_wrapper: OptimWrapper needs the argument 'optimizer'"),
        ('param_scheduler.1.type=MultistepLr', "param_scheduler[1]: type 'MultistepLr' is not in"),
        ('+param_scheduler.1.gama=1', "param_scheduler[1]: MultiStepLR takes no argument 'gama'"),
        (
            "param_scheduler=dict(type='MultiStepLR')",
            "param_scheduler: MultiStepLR needs the argument 'milestones'",
        ),
        ('+train_cfg.max_epoch=3', "train_cfg: EpochBasedTrainLoop takes no argument 'max_epoch'"),
        ('train_cfg=dict(max_iters=3)', 'train_cfg: EpochBasedTrainLoop takes no argument'),
        ('train_cfg=dict(by_epoch=False)', 'train_cfg: IterBasedTrainLoop needs the argument'),
        ('val_evaluator.type=VOCMetrik', "val_evaluator: type 'VOCMetrik' is not in"),
        ("val_evaluator=[dict(type='X')]", "val_evaluator[0]: type 'X' is not in"),
        ('default_hooks.timer.type=Timer', "default_hooks.timer: type 'Timer' is not in"),
        ('+default_hooks.logger.intervl=3', 'default_hooks.logger: LoggerHook takes no argument'),
        (
            '+default_hooks.checkpoint.intervl=3',
            "default_hooks.checkpoint: CheckpointHook takes no argument 'intervl'",
        ),
        ("custom_hooks=[dict(type='EMA')]", "custom_hooks[0]: type 'EMA' is not in"),
        (
            "custom_hooks=[dict(type='EMAHook', momentun=1)]",
            "custom_hooks[0]: EMAHook takes no argument 'momentun'",
        ),
        ('+log_processor.windows=3', "log_processor: LogProcessor takes no argument 'windows'"),
        ("visualizer=dict(type='Local')", "visualizer: type 'Local' is not in"),
        (
            "visualizer=dict(type='Visualizer', vis_backends=[dict(type='TensorBoard')])",
            "visualizer.vis_backends[0]: type 'TensorBoard' is not in",
        ),
        ('model=None', "the config has no 'model', which the task 'train' needs"),
        ('train_dataloader=None', "the config has no 'train_dataloader'"),
        ('train_dataloader={}', "train_dataloader: the key 'dataset' is missing"),
        ('val_cfg=None', "the config has a 'val_dataloader', but no 'val_cfg'"),
    ],
)
def test_what_is_built_late_is_checked_early(override: str, message: str) -> None:
    assert complaint(override).startswith(message)


@pytest.mark.parametrize(
    'override',
    [
        'train_cfg=dict(by_epoch=True, max_epochs=3)',
        'train_cfg=dict(by_epoch=False, max_iters=3)',
        'val_cfg={}',
        "optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3))",
        "optim_wrapper=dict(constructor='Mine', head=dict(lr=1))",
        "custom_hooks=[dict(type='EarlyStoppingHook', monitor='pascal_voc/mAP', priority=40)]",
        'default_hooks.timer=None',
        'param_scheduler=None',
        'val_dataloader=None',
        'test_evaluator=None',  # not read in training
    ],
)
def test_what_mmengine_takes_passes(override: str) -> None:
    check_config(load_config(TINY, [override]), 'train')


def test_testing_asks_for_other_sections() -> None:
    overrides = ['optim_wrapper=None', 'train_dataloader=None']
    check_config(load_config(TINY, overrides), 'test')
    assert complaint('test_evaluator=None', task='test').startswith(
        "the config has no 'test_evaluator', which the task 'test' needs"
    )


def test_the_error_says_how_a_config_of_1x_or_2x_becomes_new() -> None:
    cfg = load_config(TINY, ['train_dataloader=None', '+data=dict(imgs_per_gpu=2)'])
    with pytest.raises(ConfigError, match=r"no 'train_dataloader'.*tools/migrate_config\.py"):
        check_config(cfg, 'train')

    # a variable of this name makes no old config
    cfg = load_config(TINY, ['optim_wrapper=None', '+data=dict(data_root="a")'])
    with pytest.raises(ConfigError, match=r"no 'optim_wrapper'.* A base brings it"):
        check_config(cfg, 'train')


def test_images_are_normalised_once() -> None:
    step = dict(type='Normalize', mean=[0, 0, 0], std=[1, 1, 1])
    cfg = load_config(TINY)
    cfg.test_dataloader.dataset.pipeline.insert(1, step)
    with pytest.raises(ConfigError, match=r'twice: by test_dataloader\.dataset\.pipeline\.1 \(N'):
        check_config(cfg, 'train')
    cfg.model.data_preprocessor = dict(type='DetDataPreprocessor')
    check_config(cfg, 'train')


class Data:
    metainfo: ClassVar[dict] = dict(classes=('cat', 'dog'))


def test_the_head_must_know_as_many_classes_as_the_data() -> None:
    model = nn.Module()
    model.bbox_head = nn.Module()
    model.bbox_head.num_classes = 3
    with pytest.raises(ConfigError) as info:
        check_head_against_data(model, Data(), 'val_dataloader.dataset')
    assert str(info.value) == (
        'model.bbox_head.num_classes is 3, val_dataloader.dataset has 2 classes: cat, dog. Set '
        'model.bbox_head.num_classes=2 (background is not counted)'
    )
    model.bbox_head.num_classes = 2
    check_head_against_data(model, Data(), 'd')
    check_head_against_data(nn.Module(), Data(), 'd')  # a detector of another kind


@pytest.mark.parametrize(
    ('meta', 'how'),
    [
        (dict(dataset_meta=dict(classes=('dog', 'cat'))), 'in another order'),
        (dict(dataset_meta=dict(classes=('cat',))), 'on other classes'),
        (dict(CLASSES=['dog', 'cat']), 'in another order'),  # mmdet 2.x
    ],
)
def test_a_checkpoint_of_other_classes(meta: dict, how: str) -> None:
    with pytest.raises(ConfigError) as info:
        check_checkpoint_classes(dict(meta=meta), ('cat', 'dog'), 'a.pth')
    assert str(info.value).startswith(f'a.pth was trained {how}: trained [')
    assert "tested ['cat', 'dog']" in str(info.value)


@pytest.mark.parametrize('meta', [None, {}, dict(dataset_meta=dict(classes=['cat', 'dog']))])
def test_a_checkpoint_of_the_same_or_of_no_classes(meta: dict | None) -> None:
    check_checkpoint_classes(dict(meta=meta), ('cat', 'dog'), 'a.pth')


class Reversed:
    metainfo: ClassVar[dict] = dict(classes=('dog', 'cat'))


def test_validation_on_the_classes_in_another_order() -> None:
    with pytest.raises(ConfigError) as info:
        check_validation_classes(Reversed(), Data())
    assert str(info.value).startswith('val_dataloader.dataset: the model was trained in another')
    assert "trained ['dog', 'cat'], tested ['cat', 'dog']" in str(info.value)
    check_validation_classes(Data(), Data())


def test_a_training_with_classes_in_another_order_does_not_start(tmp_path: Path) -> None:
    cfg = tiny(tmp_path / 'run', val_dataloader__dataset__classes=CLASSES[::-1])
    with pytest.raises(ConfigError, match='in another order'):
        build_runner(cfg)
    assert not (tmp_path / 'run').exists()
