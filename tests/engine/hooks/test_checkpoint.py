from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from mmlite.checkpoints.file import last_checkpoint
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import CheckpointHook
from mmlite.engine.hooks import checkpoint as checkpoint_module
from mmlite.engine.runner import Runner
from mmlite.errors import ConfigError
from mmlite.support.files import DiskFullError
from tests.runs import log, tiny


def runner_of(work_dir: Path, epochs: int = 4, **hook: object) -> Runner:
    """Three iterations an epoch."""
    hook = dict(type='CheckpointHook', interval=1, **hook)
    return build_runner(
        tiny(work_dir, train_cfg__max_epochs=epochs, default_hooks__checkpoint=hook)
    )


def names(work_dir: Path) -> list[str]:
    return sorted(path.name for path in work_dir.glob('*.pth'))


# ---- what is kept ---------------------------------------------------------------------------


def test_only_the_last_ones_are_kept(tmp_path: Path) -> None:
    (tmp_path / 'epoch_9.pth').write_text('of another run')
    runner_of(tmp_path, max_keep_ckpts=2).train()
    assert names(tmp_path) == ['epoch_3.pth', 'epoch_4.pth', 'epoch_9.pth']
    assert last_checkpoint(tmp_path) == str(tmp_path / 'epoch_4.pth')


def test_a_resumed_run_goes_on_counting(tmp_path: Path) -> None:
    runner_of(tmp_path, epochs=2, max_keep_ckpts=2).train()
    cfg = tiny(
        tmp_path,
        train_cfg__max_epochs=3,
        resume=True,
        default_hooks__checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
    )
    build_runner(cfg).train()
    assert names(tmp_path) == ['epoch_2.pth', 'epoch_3.pth']


def test_two_snapshots_are_kept(tmp_path: Path) -> None:
    seen = []

    class Look(Hook):
        def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
            seen.append([name for name in names(tmp_path) if 'iter' in name])

    runner = runner_of(tmp_path, epochs=3, snapshot_interval=2, max_keep_ckpts=1)
    runner.register_hook(Look(), 'LOWEST')
    runner.train()
    assert [seen[i] for i in (0, 1, 5, 8)] == [
        [],
        ['iter_2.pth'],
        ['iter_4.pth', 'iter_6.pth'],
        ['iter_6.pth', 'iter_8.pth'],
    ]
    assert names(tmp_path) == ['epoch_3.pth']  # at the end they have done their duty


def test_the_first_epochs_may_be_left_out(tmp_path: Path) -> None:
    runner_of(tmp_path, save_begin=3).train()
    assert names(tmp_path) == ['epoch_3.pth', 'epoch_4.pth']


def test_a_folder_beside_the_work_dir(tmp_path: Path) -> None:
    runner_of(tmp_path / 'w', epochs=1, out_dir=str(tmp_path / 'saved')).train()
    assert names(tmp_path / 'saved' / 'w') == ['epoch_1.pth']
    assert names(tmp_path / 'w') == []
    assert (tmp_path / 'w/last_checkpoint').read_text() == '../saved/w/epoch_1.pth'
    assert Path(last_checkpoint(tmp_path / 'w')).is_file()


def test_what_is_left_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    (tmp_path / '.epoch_1.pth.unfinished.1').write_text('half')
    runner_of(tmp_path, epochs=1).train()
    assert not list(tmp_path.glob('.*'))


# ---- in which order -------------------------------------------------------------------------


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mmengine removes the oldest checkpoint before it writes the next one."""
    runner = runner_of(tmp_path, max_keep_ckpts=1)
    save = runner.save_checkpoint

    def full_at_the_second(folder: str, name: str, **given: object) -> None:
        if name == 'epoch_2.pth':
            raise DiskFullError('full')
        save(folder, name, **given)

    monkeypatch.setattr(runner, 'save_checkpoint', full_at_the_second)
    with pytest.raises(DiskFullError):
        runner.train()
    assert names(tmp_path) == ['epoch_1.pth']
    assert last_checkpoint(tmp_path) == str(tmp_path / 'epoch_1.pth')


def test_the_note_moves_when_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def note(path: Path, text: str) -> None:
        seen.append((text, (tmp_path / text).is_file(), names(tmp_path)))

    monkeypatch.setattr(checkpoint_module, 'write_text', note)
    runner = runner_of(tmp_path, epochs=2, max_keep_ckpts=1)
    runner._val_loop = None
    runner.train()
    assert seen == [
        ('epoch_1.pth', True, ['epoch_1.pth']),
        ('epoch_2.pth', True, ['epoch_1.pth', 'epoch_2.pth']),  # the old one goes last
    ]


# ---- the best -------------------------------------------------------------------------------


def hook_with(runner: Runner, **hook: object) -> CheckpointHook:
    made = CheckpointHook(**hook)
    made.before_train(runner)
    made.close()
    return made


@pytest.fixture
def trained(tmp_path: Path) -> Runner:
    runner = runner_of(tmp_path, epochs=1)
    runner.train()
    return runner


def best_of(runner: Runner, hook: CheckpointHook, *scores: float, key: str = 'a/mAP') -> list[str]:
    for epoch, score in enumerate(scores, 1):
        runner.train_loop._epoch = epoch
        hook.after_val_epoch(runner, {key: score, 'other_loss': -score})
    return [name for name in names(Path(runner.work_dir)) if name.startswith('best_')]


def test_the_best_replaces_the_one_before(trained: Runner) -> None:
    hook = hook_with(trained, save_best='auto')
    assert best_of(trained, hook, 0.1, 0.3, 0.2) == ['best_a_mAP_epoch_2.pth']
    assert trained.message_hub.get_info('best_score') == 0.3
    state = torch.load(Path(trained.work_dir, 'best_a_mAP_epoch_2.pth'), weights_only=True)
    assert 'optimizer' not in state
    assert 'epoch is saved to best_a_mAP_epoch_2.pth' in log(Path(trained.work_dir))


def test_of_losses_the_least_is_best(trained: Runner) -> None:
    hook = hook_with(trained, save_best='a_loss')
    assert best_of(trained, hook, 0.3, 0.1, 0.2, key='a_loss') == ['best_a_loss_epoch_2.pth']


def test_several_metrics_have_each_their_best(trained: Runner) -> None:
    hook = hook_with(trained, save_best=['a/mAP', 'other_loss'], rule=['less', 'greater'])
    found = best_of(trained, hook, 0.3, 0.1, 0.2)
    assert found == ['best_a_mAP_epoch_2.pth', 'best_other_loss_epoch_2.pth']


def test_a_metric_that_is_not_there(trained: Runner) -> None:
    hook = hook_with(trained, save_best='a/mAp', rule='greater')
    with pytest.raises(ConfigError, match=r"no metric 'a/mAp'\. Did you mean 'a/mAP'\? There are"):
        best_of(trained, hook, 0.1)


def test_nan_is_never_the_best(trained: Runner) -> None:
    hook = hook_with(trained, save_best='auto')
    assert best_of(trained, hook, float('nan'), 0.1) == ['best_a_mAP_epoch_2.pth']


def test_how_a_name_shows_the_rule() -> None:
    keys = dict(greater_keys=None, less_keys=None)  # as mmengine has them where none are given
    assert CheckpointHook(save_best=['mAP', 'loss'], **keys).rules == ['greater', 'less']
    # a whole name counts before 'acc', which is a part of it
    assert CheckpointHook(save_best='acc_speed', less_keys='acc_speed').rules == ['less']


def test_auto_goes_by_the_keys_given(trained: Runner) -> None:
    hook = hook_with(trained, save_best='auto', greater_keys=['none'], less_keys='a/map')
    assert best_of(trained, hook, 0.3, 0.1, 0.2) == ['best_a_mAP_epoch_2.pth']


def test_intervals_count_from_save_begin() -> None:
    hook = CheckpointHook(interval=2, save_begin=3, save_last=False)
    assert [done for done in range(1, 9) if hook._is_due(done, 8)] == [3, 5, 7]  # as mmengine


def test_without_metrics_there_is_no_best(trained: Runner) -> None:
    hook_with(trained, save_best='auto').after_val_epoch(trained, {})


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(save_best='speed'), "more or less of 'speed' is better cannot be seen in"),
        (dict(save_best='mAP', rule='more'), "'greater' or 'less' is expected, found 'more'"),
        (dict(save_best=['mAP', 'loss'], rule=['less'] * 3), '3 rules for the metrics'),
        (dict(save_best=['mAP', 'mAP']), 'different metrics are expected'),
        (dict(save_best=['auto', 'mAP']), "'auto' and no other"),
        (dict(filename_tmpl='model.pth'), "one {} for the number .* 'model.pth'"),
    ],
)
def test_mistakes(arguments: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CheckpointHook(**arguments)


def test_a_checkpoint_holds_the_validation_that_followed_it(tmp_path: Path) -> None:
    """Else a resumed run would validate again, or forget the best."""
    runner_of(tmp_path, epochs=1, save_best='auto').train()
    checkpoint = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)
    assert checkpoint['meta']['last_val_iter'] == checkpoint['meta']['iter'] == 3
    info = checkpoint['message_hub']['runtime_info']
    assert info['best_ckpt'] == 'best_pascal_voc_mAP_epoch_1.pth'  # relative: the folder may move
    moved = shutil.move(tmp_path, tmp_path.with_name('moved'))
    assert last_checkpoint(moved) == f'{moved}/epoch_1.pth'


def test_the_best_of_another_metric_is_no_measure(trained: Runner) -> None:
    """A run that is resumed with another `save_best` has the score of the one before."""
    first = best_of(trained, hook_with(trained, save_best='a/mAP'), 0.9)
    assert first == ['best_a_mAP_epoch_1.pth']
    found = best_of(trained, hook_with(trained, save_best='b/mAP'), 0.2, key='b/mAP')
    assert found == ['best_a_mAP_epoch_1.pth', 'best_b_mAP_epoch_1.pth']
    assert trained.message_hub.get_info('best_score') == 0.2
