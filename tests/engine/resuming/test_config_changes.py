"""Trainings that are resumed under a config that has changed."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from mmlite.checkpoints.file import read_checkpoint, write_checkpoint
from mmlite.engine.build import build_runner
from mmlite.engine.resuming.config_changes import changes_since, concern
from mmlite.engine.runner import Runner
from mmlite.errors import ConfigError, DataError
from tests.runs import log, tiny

SHORT = dict(val_dataloader=None, default_hooks__logger__interval=1)
STEPS = dict(type='MultiStepLR', begin=0, end=9, by_epoch=True, milestones=[2], gamma=0.1)
WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4)


def trained(work_dir: Path, **overrides: object) -> Path:
    """After one epoch of the two; the schedules stay those of two."""
    one = {'train_cfg__max_epochs': 1, 'param_scheduler__1__end': 2}
    build_runner(tiny(work_dir, **{**SHORT, **one, **overrides})).train()
    return work_dir


@pytest.fixture(scope='module')
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One epoch of three iterations; the rate is 0.01, and falls to 0.001 after it."""
    return trained(tmp_path_factory.mktemp('first'))


@pytest.fixture(scope='module')
def averaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(
        tmp_path_factory.mktemp('averaged'), custom_hooks=[dict(type='EMAHook', momentum=0.5)]
    )


class Start(Hook):
    """Keeps the rates and groups of the first iteration, and ends the run there."""

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        optimizer = runner.optim_wrapper.optimizer
        self.groups = [dict(group) for group in optimizer.param_groups]
        self.state = {p: copy.deepcopy(values) for p, values in optimizer.state.items()}
        self.weights = copy.deepcopy(runner.model.module.state_dict())
        raise KeyboardInterrupt


def resumed(first: Path, work_dir: Path, name: str = 'epoch_1.pth', **overrides: object) -> Start:
    """What a resumed run starts with."""
    given = dict(resume=True, load_from=str(first / name))
    runner = build_runner(tiny(work_dir, **{**SHORT, **given, **overrides}))
    start = Start()
    runner.register_hook(start, 'VERY_LOW')
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    return start


def changed(work_dir: Path) -> list[str]:
    return re.findall(r'WARNING - Changed since \S+: (.*)', log(work_dir))


# ---- the optimiser --------------------------------------------------------------------------


def test_nothing_is_said_of_what_has_not_changed(first: Path, tmp_path: Path) -> None:
    start = resumed(first, tmp_path)
    assert changed(tmp_path) == ['train_cfg.max_epochs: 1 -> 2']
    assert start.groups[0]['lr'] == pytest.approx(0.001)


def test_values_of_the_optimiser_are_the_configs_and_its_state_stays(
    first: Path, tmp_path: Path
) -> None:
    new = dict(type='SGD', lr=0.05, momentum=0.5, weight_decay=0.1, nesterov=True)
    start = resumed(first, tmp_path, optim_wrapper__optimizer=new)
    (group,) = start.groups
    found = [group[key] for key in ('momentum', 'weight_decay', 'nesterov', 'initial_lr')]
    assert found == [0.5, 0.1, True, 0.05]
    assert group['lr'] == pytest.approx(0.005)  # 0.05 after the milestone at epoch 1
    assert changed(tmp_path) == [
        'optim_wrapper.optimizer.lr: 0.01 -> 0.05',
        'optim_wrapper.optimizer.momentum: 0.9 -> 0.5',
        'optim_wrapper.optimizer.nesterov: None -> True',
        'optim_wrapper.optimizer.weight_decay: 0.0005 -> 0.1',
        'train_cfg.max_epochs: 1 -> 2',
    ]
    assert 'At iteration 3 the learning rate is 0.005, it was 0.001' in log(tmp_path)
    before = read_checkpoint(first / 'epoch_1.pth')['optimizer']['state']
    for values, saved in zip(start.state.values(), before.values(), strict=True):
        assert torch.equal(values['momentum_buffer'], saved['momentum_buffer'])


def test_parameters_may_be_grouped_again(first: Path, tmp_path: Path) -> None:
    """From one group to one for each parameter: each keeps its own momentum."""
    keys = dict(custom_keys=dict(backbone=dict(lr_mult=0.1, decay_mult=0.0)))
    start = resumed(first, tmp_path / 'w', optim_wrapper__paramwise_cfg=keys)
    checkpoint = read_checkpoint(first / 'epoch_1.pth')
    names = checkpoint['meta']['optimizer_params']
    assert len(start.groups) == len(names)
    for name, group in zip(names, start.groups, strict=True):
        in_backbone = name.startswith('backbone')
        assert group['lr'] == pytest.approx(1e-4 if in_backbone else 1e-3)
        assert group['weight_decay'] == (0.0 if in_backbone else 5e-4)
        saved = checkpoint['optimizer']['state'].get(names.index(name))
        if saved:
            found = start.state[group['params'][0]]['momentum_buffer']
            assert torch.equal(found, saved['momentum_buffer']), name


def test_without_names_groups_cannot_be_matched(first: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(first / 'epoch_1.pth')
    del checkpoint['meta']['optimizer_params']  # mmengine's have none
    write_checkpoint(checkpoint, tmp_path / 'epoch_1.pth')
    resumed(tmp_path, tmp_path / 'same')
    keys = dict(custom_keys=dict(backbone=dict(lr_mult=0.1)))
    path = str(tmp_path / 'epoch_1.pth')
    cfg = tiny(tmp_path / 'w', optim_wrapper__paramwise_cfg=keys, resume=True, load_from=path)
    with pytest.raises(DataError, match=r'makes 61 groups of 61 parameters, the file has 1 of 61'):
        build_runner(cfg).train()


@pytest.mark.parametrize(
    ('overrides', 'message'),
    [
        (
            dict(optim_wrapper__optimizer=dict(type='AdamW', lr=1e-3)),
            r'^optim_wrapper\.optimizer\.type: SGD -> AdamW: ',
        ),
        (
            dict(train_cfg=dict(type='IterBasedTrainLoop', max_iters=2)),
            r'^train_cfg\.max_iters: \S+ has done more than 2 already: .* after iteration 3',
        ),
    ],
)
def test_what_cannot_take_effect_is_refused_by_its_name(
    first: Path, tmp_path: Path, overrides: dict, message: str
) -> None:
    given = dict(resume=True, load_from=str(first / 'epoch_1.pth'))
    with pytest.raises(ConfigError, match=message):
        build_runner(tiny(tmp_path, **SHORT, **given, **overrides)).train()


def as_mmengine_writes_it(first: Path, folder: Path) -> Path:
    """Of a file of mmengine's Runner: no position in an epoch, no config that can be read."""
    checkpoint = read_checkpoint(first / 'epoch_1.pth')
    del checkpoint['process_states']
    meta = checkpoint['meta']
    checkpoint['meta'] = {name: meta[name] for name in ('epoch', 'iter', 'seed', 'dataset_meta')}
    checkpoint['meta'] |= dict(cfg='model = build()', mmengine_version='0.10.7')
    folder.mkdir()
    write_checkpoint(checkpoint, folder / 'epoch_1.pth')
    return folder


def test_a_file_of_mmengines_is_compared_by_its_state(first: Path, tmp_path: Path) -> None:
    folder = as_mmengine_writes_it(first, tmp_path / 'file')
    start = resumed(folder, tmp_path / 'same')
    assert start.groups[0]['lr'] == pytest.approx(0.001)
    assert changed(tmp_path / 'same') == []
    new = dict(type='SGD', lr=0.05, momentum=0.5, weight_decay=5e-4)
    start = resumed(folder, tmp_path / 'new', optim_wrapper__optimizer=new)
    assert start.groups[0]['lr'] == pytest.approx(0.005)
    assert sorted(changed(tmp_path / 'new')) == ['lr: 0.01 -> 0.05', 'momentum: 0.9 -> 0.5']
    adam = dict(type='AdamW', lr=1e-3)
    given = dict(resume=True, load_from=str(folder / 'epoch_1.pth'), optim_wrapper__optimizer=adam)
    with pytest.raises(ConfigError, match='AdamW cannot go on with the state of another optimiser'):
        build_runner(tiny(tmp_path / 'adam', **SHORT, **given)).train()


def test_fewer_epochs_than_are_done_are_refused(first: Path, tmp_path: Path) -> None:
    work_dir = shutil.copytree(first, tmp_path / 'w')
    build_runner(tiny(work_dir, **SHORT, resume=True)).train()  # to its second epoch
    cfg = tiny(work_dir, **SHORT, resume=True, train_cfg__max_epochs=1)
    with pytest.raises(ConfigError, match=r'max_epochs: \S+ has done more than 1 .* --epochs 3$'):
        build_runner(cfg).train()


def test_state_that_the_new_values_need_must_be_there(tmp_path: Path) -> None:
    adam = dict(type='AdamW', lr=1e-3)
    work_dir = trained(tmp_path, optim_wrapper__optimizer=adam)
    start = resumed(
        work_dir, tmp_path / 'betas', optim_wrapper__optimizer=dict(adam, betas=(0.8, 0.9))
    )
    assert start.groups[0]['betas'] == (0.8, 0.9)
    path = str(work_dir / 'epoch_1.pth')
    given = dict(optim_wrapper__optimizer=dict(adam, amsgrad=True), resume=True, load_from=path)
    with pytest.raises(ConfigError, match=r"AdamW needs 'max_exp_avg_sq' of each parameter"):
        build_runner(tiny(tmp_path / 'amsgrad', **SHORT, **given)).train()


# ---- schedules and lengths --------------------------------------------------------------------


def test_new_schedules_are_brought_to_the_place(first: Path, tmp_path: Path) -> None:
    longer = dict(train_cfg__max_epochs=4, param_scheduler=[WARM_UP, STEPS])
    # the warm-up goes from 0.1 to 1 in iterations 0 to 3, and the milestone is at epoch 2 now
    assert resumed(first, tmp_path / 'a', **longer).groups[0]['lr'] == pytest.approx(0.01)
    cosine = [dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)]
    start = resumed(first, tmp_path / 'b', param_scheduler=cosine)
    assert start.groups[0]['lr'] == pytest.approx(0.005)  # the middle of 6 iterations
    assert changed(tmp_path / 'b')[0].startswith(
        "param_scheduler.0: dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4)"
        " -> dict(type='CosineAnnealingLR'"
    )
    start = resumed(first, tmp_path / 'c', param_scheduler=None)
    assert start.groups[0]['lr'] == 0.01
    assert 'initial_lr' not in start.groups[0]


def test_another_batch_has_its_own_iterations_in_a_schedule(first: Path, tmp_path: Path) -> None:
    """Half the batch: 6 iterations are done, and the cosine of 12 is in its middle."""
    cosine = dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True, end=2)
    work_dir = trained(tmp_path, param_scheduler=[cosine])
    start = resumed(
        work_dir, tmp_path / 'w', train_dataloader__batch_size=2, param_scheduler=[cosine]
    )
    assert start.groups[0]['lr'] == pytest.approx(0.005)
    assert 'iteration 3 becomes 6' in log(tmp_path / 'w')


def test_a_training_by_epochs_goes_on_by_iterations(first: Path, tmp_path: Path) -> None:
    work_dir = shutil.copytree(first, tmp_path / 'w')
    loop = dict(type='IterBasedTrainLoop', max_iters=7)
    build_runner(tiny(work_dir, **SHORT, resume=True, train_cfg=loop)).train()
    meta = read_checkpoint(work_dir / 'iter_7.pth')['meta']
    assert [meta[name] for name in ('epoch', 'iter', 'done_in_epoch')] == [2, 7, 1]


# ---- the average of weights --------------------------------------------------------------------


def test_without_its_hook_the_weights_in_training_go_on(averaged: Path, tmp_path: Path) -> None:
    start = resumed(averaged, tmp_path)
    saved = read_checkpoint(averaged / 'epoch_1.pth')
    name = 'bbox_head.reg_convs.0.0.weight'
    assert not torch.equal(saved['state_dict'][name], saved['ema_state_dict'][f'module.{name}'])
    assert torch.equal(start.weights[name], saved['ema_state_dict'][f'module.{name}'])
    assert 'the config no EMAHook' in log(tmp_path)


def test_a_new_hook_begins_at_the_weights(first: Path, tmp_path: Path) -> None:
    work_dir = shutil.copytree(first, tmp_path / 'w')
    hooks = [dict(type='EMAHook', momentum=0.5)]
    build_runner(tiny(work_dir, **SHORT, resume=True, custom_hooks=hooks)).train()
    assert 'has no ema_state_dict: the average begins at its weights' in log(work_dir)
    assert read_checkpoint(work_dir / 'epoch_2.pth')['ema_state_dict']['steps'] == 3


# ---- the texts ----------------------------------------------------------------------------------


def test_changes_are_said_once_and_as_a_whole() -> None:
    before = "model = dict(num=1)\nparam_scheduler = [dict(type='LinearLR', end=4)]\n"
    before += "train_cfg = dict(max_epochs=2)\nwork_dir = 'here'\n"
    cfg = dict(
        model=dict(num=1),
        param_scheduler=[dict(type='PolyLR', power=0.9), dict(type='StepLR', step_size=1)],
        train_cfg=dict(max_epochs=3),
        auto_scale_lr=dict(enable=True),
        work_dir='there',
        resume=True,
    )
    found = changes_since(dict(cfg=before), cfg, 'a.pth')
    assert found == [
        ('auto_scale_lr', 'None', 'dict(enable=True)'),
        ('param_scheduler.0', "dict(type='LinearLR', end=4)", "dict(type='PolyLR', power=0.9)"),
        ('param_scheduler.1', 'None', "dict(type='StepLR', step_size=1)"),
        ('train_cfg.max_epochs', '2', '3'),
    ]
    assert concern(found, 'train_cfg')
    assert not concern(found, 'train', 'optim_wrapper')
    assert changes_since({}, cfg, 'a.pth') is None
