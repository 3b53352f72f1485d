"""A training that counts iterations: files, log, schedules and hooks count as it does."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook

from mmlite.checkpoints.file import read_checkpoint
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import CheckpointHook, EMAHook, LoggerHook
from mmlite.engine.runner import Runner
from mmlite.engine.units import counts_epochs, iterations_per_epoch, loop_counts_epochs
from mmlite.errors import ConfigError
from tests.runs import equal, log, scalars, tiny, weights


def by_iteration(work_dir: Path, max_iters: int = 7, val_interval: int = 2, **overrides: object):
    """Of three iterations in a pass through the data."""
    loop = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=val_interval)
    return tiny(work_dir, train_cfg=loop, default_hooks__logger__interval=1, **overrides)


class Calls(Hook):
    """Lists the calls of a hook, with the epoch and iteration."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def before_train_epoch(self, runner: Runner) -> None:
        self.calls.append(f'begin {runner.epoch}')

    def after_train_epoch(self, runner: Runner) -> None:
        self.calls.append(f'end {runner.epoch}')

    def before_val(self, runner: Runner) -> None:
        self.calls.append(f'val {runner.epoch} {runner.iter}')


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Runner, Calls]:
    work_dir, calls = tmp_path_factory.mktemp('run'), Calls()
    runner = build_runner(by_iteration(work_dir, default_hooks__checkpoint__save_best='auto'))
    runner.register_hook(calls)
    runner.train()
    return work_dir, runner, calls


def test_an_epoch_is_a_pass_through_the_data(run: tuple) -> None:
    _, runner, calls = run
    assert (runner.epoch, runner.max_epochs, runner.iter) == (2, 3, 7)
    assert calls.calls == [
        *('begin 0', 'val 0 2', 'end 0'),
        *('begin 1', 'val 1 4', 'end 1', 'val 2 6'),
        *('begin 2', 'val 2 7', 'end 2'),  # the last pass is cut short
    ]


def test_schedules_by_epoch_fall_after_a_pass(run: tuple) -> None:
    rates = [line['lr'] for line in scalars(run[0]) if 'iter' in line]
    # a warm-up of four iterations, and a tenth from the second pass on
    assert rates == pytest.approx([0.001, 0.004, 0.007, *4 * [0.001]])


def test_metrics_are_written_at_their_iteration(run: tuple) -> None:
    steps = [line['step'] for line in scalars(run[0]) if 'pascal_voc/mAP' in line]
    assert steps == [2, 4, 6, 7]


def test_files_carry_iterations(run: tuple) -> None:
    names = sorted(path.name for path in run[0].glob('*.pth'))
    assert [name for name in names if 'best' not in name] == [
        *('iter_6.pth', 'iter_7.pth'),  # after each pass, and the last: the newest two are kept
    ]
    assert re.fullmatch(r'best_pascal_voc_mAP_iter_[2467]\.pth', names[0])
    meta = read_checkpoint(run[0] / names[0])['meta']
    assert meta['iter'] == int(names[0][-5])


def test_log_lines_count_iterations(run: tuple) -> None:
    text = log(run[0])
    assert re.findall(r'Iter\(train\) \[(\d)/7\]', text) == [*'1234567']
    assert 'Iter(val) [2/2]' in text
    assert 'Epoch(' not in text
    assert 'CheckpointHook.interval counts epochs, as by_epoch is not set' in text


def test_a_log_that_counts_epochs_counts_passes(tmp_path: Path) -> None:
    cfg = by_iteration(tmp_path, 4, val_dataloader=None, log_processor=dict(by_epoch=True))
    build_runner(cfg).train()
    lines = re.findall(r'Epoch\(train\) +(\[\d\]\[\d/\d\])', log(tmp_path))
    assert lines == ['[1][1/3]', '[1][2/3]', '[1][3/3]', '[2][1/3]']


@pytest.mark.parametrize('stop', [3, 4])
def test_more_iterations_go_on_with_the_schedules(run: tuple, tmp_path: Path, stop: int) -> None:
    """Bit for bit, from the end of a pass and from within one."""
    work_dir = tmp_path / 'w'
    build_runner(by_iteration(work_dir, stop)).train()
    (work_dir / f'iter_{stop}.pth').rename(work_dir / 'from.pth')
    shutil.rmtree(work_dir / 'vis_data', ignore_errors=True)
    again = dict(resume=True, load_from=str(work_dir / 'from.pth'))
    build_runner(by_iteration(work_dir, **again)).train()
    assert equal(weights(work_dir, 'iter_7.pth'), weights(run[0], 'iter_7.pth'))


# ---- the parts ----------------------------------------------------------------------------------


def loader(sampler: object, batch_size: int = 4, length: int = 3) -> object:
    batches = SimpleNamespace(sampler=sampler, batch_size=batch_size)
    return type('Loader', (), dict(__len__=lambda _: length, batch_sampler=batches))()


def test_an_endless_sampler_has_passes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmengine.dataset import InfiniteSampler

    assert iterations_per_epoch(loader(None)) == 3
    sampler = InfiniteSampler(range(10), seed=0)
    assert iterations_per_epoch(loader(sampler)) == 3  # ceil(10 / 4)
    monkeypatch.setattr('mmlite.datasets.loader.get_world_size', lambda: 2)
    assert iterations_per_epoch(loader(sampler)) == 2  # ceil(10 / 8)


def test_the_loop_says_what_is_counted() -> None:
    assert loop_counts_epochs(dict(max_epochs=3))
    assert loop_counts_epochs(dict(by_epoch=True, max_epochs=3))
    assert not loop_counts_epochs(dict(by_epoch=False, max_iters=3))
    assert not loop_counts_epochs(dict(type='IterBasedTrainLoop', max_iters=3))
    assert counts_epochs(SimpleNamespace(_train_loop=None))


def stub(**values: object) -> SimpleNamespace:
    given = dict(
        _train_loop=dict(by_epoch=False, max_iters=30),
        max_epochs=10,
        max_iters=30,
        iter=0,
        train_dataloader=loader(None),
        logger=SimpleNamespace(info=lambda _: None, log=lambda *_: None),
    )
    return SimpleNamespace(**{**given, **values})


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (dict(interval=2), (6, 0, 'iter_{}.pth')),
        (dict(interval=2, by_epoch=True, save_begin=1), (6, 3, 'iter_{}.pth')),
        (dict(interval=2, by_epoch=False), (2, 0, 'iter_{}.pth')),
        (dict(interval=11, by_epoch=True), (33, 0, 'iter_{}.pth')),
    ],
)
def test_epochs_of_checkpoints_become_iterations(given: dict, expected: tuple) -> None:
    hook = CheckpointHook(**given)
    hook._count_as(stub())
    assert (hook.interval, hook.save_begin, hook.filename_tmpl) == expected
    assert not hook.by_epoch


def test_an_interval_in_iterations_is_not_taken_for_epochs() -> None:
    with pytest.raises(ConfigError, match=r'CheckpointHook.interval: 5000 counts .* set by_epoch='):
        CheckpointHook(interval=5000)._count_as(stub())


def test_where_epochs_are_counted_the_names_stay() -> None:
    hook = CheckpointHook(interval=2)
    hook._count_as(stub(_train_loop=dict(max_epochs=10)))
    assert (hook.interval, hook.filename_tmpl) == (2, 'epoch_{}.pth')


def test_metrics_by_epoch_are_refused_in_a_training_by_iterations() -> None:
    with pytest.raises(ConfigError, match=r'^LoggerHook.log_metric_by_epoch: True is for'):
        LoggerHook(log_metric_by_epoch=True).before_train(stub())
    LoggerHook(log_metric_by_epoch=False).before_train(stub())


@pytest.mark.parametrize('given', [dict(begin_epoch=11), dict(begin_iter=31)])
def test_an_average_that_never_begins_is_refused(given: dict) -> None:
    unit = next(iter(given))
    with pytest.raises(ConfigError, match=rf'^EMAHook\.{unit}: \d+ comes after the end of the'):
        EMAHook(**given).before_train(stub())


def test_an_average_begins_with_its_pass(tmp_path: Path) -> None:
    hooks = [dict(type='EMAHook', momentum=0.5, begin_epoch=2)]
    cfg = by_iteration(tmp_path, 5, val_dataloader=None, custom_hooks=hooks)
    build_runner(cfg).train()
    steps = read_checkpoint(tmp_path / 'iter_5.pth')['ema_state_dict']['steps']
    assert torch.equal(steps, torch.tensor(2))  # iterations 4 and 5, of the second pass
