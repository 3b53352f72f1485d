"""Runs that are stopped anywhere and resumed, against one that never stopped."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from mmlite.checkpoints.file import last_checkpoint, read_checkpoint, write_checkpoint
from mmlite.engine.build import build_runner
from mmlite.engine.loops import endless_batches
from mmlite.engine.process.stop_signals import StoppedBySignal
from mmlite.engine.resuming.resume import find_resumable, resumed_position
from mmlite.engine.runner import Runner
from mmlite.registry import HEADS
from tests.runs import equal, log, scalars, tiny, weights


@HEADS.register_module()
class HeadWithDropout(HEADS.get('SSDHead')):
    """Its weights depend on the random state of the training process."""

    def forward(self, feats: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        return super().forward([torch.dropout(feat, 0.1, self.training) for feat in feats])


@HEADS.register_module()
class HeadWithEpoch(HEADS.get('SSDHead')):
    """Changes with the epoch, as TOOD's does."""

    epoch = None

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch


HARD = dict(  # two workers, averaged weights, two batches for a step, dropout; warm-up is in it
    model__bbox_head__type='HeadWithDropout',
    train_dataloader__num_workers=2,
    custom_hooks=[dict(type='EMAHook', momentum=0.1)],
    optim_wrapper__accumulative_counts=2,
    default_hooks__checkpoint=dict(
        type='CheckpointHook', interval=1, snapshot_interval=1, save_best='auto', max_keep_ckpts=2
    ),
)


class Stop(Hook):
    """Sends a signal in the middle of an iteration, or of a validation's."""

    def __init__(self, iteration: int, when: str = 'train', number: int = signal.SIGTERM) -> None:
        self.iteration = iteration
        self.when = when
        self.number = number

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        if self.when == 'train' and runner.iter + 1 == self.iteration:
            os.kill(os.getpid(), self.number)

    def before_val_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        if self.when == 'val' and runner.iter == self.iteration:
            os.kill(os.getpid(), self.number)


def stopped(work_dir: Path, hook: Stop, **overrides: object) -> StoppedBySignal:
    runner = build_runner(tiny(work_dir, **{**HARD, **overrides}))
    runner.register_hook(hook, 'VERY_HIGH')
    with pytest.raises(StoppedBySignal) as info:
        runner.train()
    return info.value


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work_dir = tmp_path_factory.mktemp('whole')
    build_runner(tiny(work_dir, **HARD)).train()
    return work_dir


def assert_same_end(whole: Path, work_dir: Path) -> None:
    one, other = (read_checkpoint(w / 'epoch_2.pth') for w in (whole, work_dir))
    for part in ('state_dict', 'ema_state_dict'):
        assert equal(one[part], other[part]), part
    for index, state in one['optimizer']['state'].items():
        momentum = other['optimizer']['state'][index]['momentum_buffer']
        assert torch.equal(state['momentum_buffer'], momentum)
    assert one['param_schedulers'] == other['param_schedulers']
    losses, others = (c['message_hub']['log_scalars']['train/loss'] for c in (one, other))
    assert torch.equal(losses['log_history'], others['log_history'])
    metrics = [
        [line['pascal_voc/mAP'] for line in scalars(w) if 'pascal_voc/mAP' in line]
        for w in (whole, work_dir)
    ]
    assert metrics[0][-1] == metrics[1][-1]
    names = [sorted(p.name for p in w.glob('best_*')) for w in (whole, work_dir)]
    assert names[0] == names[1]


# 12 images, 4 in a batch: an epoch has the iterations 1..3 and 4..6
@pytest.mark.parametrize('iteration', [1, 2, 3, 4, 5])
def test_a_training_goes_on_after_any_iteration(
    whole: Path, tmp_path: Path, iteration: int
) -> None:
    stopped(tmp_path, Stop(iteration))
    build_runner(tiny(tmp_path, **HARD, resume=True)).train()
    assert_same_end(whole, tmp_path)
    assert f'resumed epoch: 0, iter: {iteration}' in log(tmp_path) or iteration > 3


class Epochs(Hook):
    """Keeps which epoch the head was in, for each iteration."""

    def __init__(self) -> None:
        self.found: list[int] = []

    def before_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        self.found.append(runner.model.module.bbox_head.epoch)


@pytest.mark.parametrize(
    'train_cfg', [{}, dict(train_cfg=dict(type='IterBasedTrainLoop', max_iters=6))]
)
def test_parts_get_the_epoch_without_a_hook_also_after_a_resume(
    tmp_path: Path, train_cfg: dict
) -> None:
    here = dict(model__bbox_head__type='HeadWithEpoch', val_dataloader=None, **train_cfg)
    for stop, expected in [(Stop(5), [0, 0, 0, 1, 1]), (Stop(9), [1])]:
        runner, epochs = build_runner(tiny(tmp_path, **here, resume=True)), Epochs()
        runner.register_hook(stop, 'VERY_HIGH')
        runner.register_hook(epochs)
        if stop.iteration == 5:
            with pytest.raises(StoppedBySignal):
                runner.train()
        else:
            runner.train()
        assert epochs.found == expected


def test_no_image_is_loaded_twice(tmp_path: Path) -> None:
    here = dict(HARD, train_dataloader__num_workers=0)
    stopped(tmp_path, Stop(2), **here)
    runner = build_runner(tiny(tmp_path, **here, resume=True))
    dataset, loaded = runner._train_dataloader['dataset'], []
    get = type(dataset).__getitem__

    class Counting(type(dataset)):
        def __getitem__(self, index: int) -> dict:
            loaded.append(index)
            return get(self, index)

    dataset.__class__ = Counting
    runner.train()
    assert len(loaded) == 4 * 4  # of 6 iterations the last 4


@pytest.mark.parametrize('iteration', [3, 6])
def test_a_validation_that_was_broken_off_is_made_up_for(
    whole: Path, tmp_path: Path, iteration: int
) -> None:
    """The average is in the model just then; the checkpoint holds what it always holds."""
    stopped(tmp_path, Stop(iteration, 'val'))
    build_runner(tiny(tmp_path, **HARD, resume=True)).train()
    assert_same_end(whole, tmp_path)
    assert sum('pascal_voc/mAP' in line for line in scalars(tmp_path)) == (2, 1)[iteration // 6]


def test_without_a_checkpoint_of_the_epoch_a_validation_saves_one(
    whole: Path, tmp_path: Path
) -> None:
    rare = dict(HARD['default_hooks__checkpoint'], interval=5, snapshot_interval=None)
    stopped(tmp_path, Stop(3, 'val'), default_hooks__checkpoint=rare)
    assert last_checkpoint(tmp_path) == str(tmp_path / 'iter_3.pth')
    build_runner(tiny(tmp_path, **HARD, resume=True)).train()
    assert_same_end(whole, tmp_path)


def test_a_finished_training_that_is_resumed_does_nothing(whole: Path, tmp_path: Path) -> None:
    work_dir = shutil.copytree(whole, tmp_path / 'moved')  # its paths are relative
    before = {p.name: p.stat().st_mtime_ns for p in work_dir.glob('*.pth')}
    build_runner(tiny(work_dir, **HARD, resume=True)).train()
    assert {p.name: p.stat().st_mtime_ns for p in work_dir.glob('*.pth')} == before
    assert 'pascal_voc/mAP' not in log(work_dir)


def test_iterations_may_be_counted_in_the_place_of_epochs(tmp_path: Path) -> None:
    by_iter = dict(
        HARD,
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=7, val_interval=4),
        param_scheduler=[dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=4)],
        default_hooks__checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=3),
    )
    build_runner(tiny(tmp_path / 'whole', **by_iter)).train()
    for iteration in (2, 3, 5):  # an epoch has three
        work_dir = tmp_path / str(iteration)
        runner = build_runner(tiny(work_dir, **by_iter))
        runner.register_hook(Stop(iteration), 'VERY_HIGH')
        with pytest.raises(StoppedBySignal):
            runner.train()
        build_runner(tiny(work_dir, **by_iter, resume=True)).train()
        assert equal(weights(work_dir, 'iter_7.pth'), weights(tmp_path / 'whole', 'iter_7.pth'))


@pytest.mark.parametrize('sampler', ['DefaultSampler', 'InfiniteSampler'])
def test_skipped_batches_are_those_that_were_done(tmp_path: Path, sampler: str) -> None:
    def files(done: int) -> list[list[str]]:
        cfg = tiny(tmp_path, train_dataloader__sampler=dict(type=sampler, shuffle=True))
        batches = endless_batches(build_runner(cfg).train_dataloader, done)
        return [[m['filename'] for m in next(batches)['img_metas'].data] for _ in range(8 - done)]

    everything = files(0)
    for done in (1, 3, 4, 6):  # 3 batches are an epoch
        assert files(done) == everything[done:]


# ---- signals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(('number', 'status'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_answered_after_the_iteration(tmp_path: Path, number: int, status: int) -> None:
    before = signal.getsignal(number)
    error = stopped(tmp_path, Stop(2, number=number))
    assert error.status == status
    assert str(error).startswith(f'stopped by {signal.Signals(number).name} after iteration 2; ')
    assert str(tmp_path / 'iter_2.pth') in str(error)
    assert '--resume' in str(error)
    assert signal.getsignal(number) is before


# ---- which file ---------------------------------------------------------------------------------


@pytest.fixture
def work_dir(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / 'copy')


def damage(path: Path) -> None:
    """Flips the bits of one byte in the middle, which torch.load does not see."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    torch.load(path, weights_only=True)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(
        'mmlite.engine.resuming.resume.print_log', lambda text, *_: warned.append(text)
    )
    for name in ('iter_5.pth', 'iter_6.pth'):  # of a run that has not come to its end
        shutil.copy(work_dir / 'epoch_1.pth', work_dir / name)
    for number, name in enumerate(('epoch_1.pth', 'iter_5.pth', 'iter_6.pth', 'epoch_2.pth')):
        os.utime(work_dir / name, (number, number))
    assert find_resumable(work_dir)[0] == str(work_dir / 'epoch_2.pth')
    damage(work_dir / 'epoch_2.pth')
    assert find_resumable(work_dir)[0] == str(work_dir / 'iter_6.pth')
    content = (work_dir / 'iter_6.pth').read_bytes()
    (work_dir / 'iter_6.pth').write_bytes(content[: len(content) // 2])
    assert find_resumable(work_dir)[0] == str(work_dir / 'iter_5.pth')
    assert 'epoch_2.pth: it is damaged or cut off (BadZipFile: wrong checksum' in warned[0]
    assert 'iter_6.pth: it is damaged or cut off' in warned[-1]


def test_files_of_only_weights_are_no_candidates(work_dir: Path) -> None:
    for path in work_dir.glob('*.pth'):
        if not path.name.startswith('best_'):
            path.unlink()
    assert list(work_dir.glob('best_*.pth'))
    assert find_resumable(work_dir)[0] is None


def test_all_damaged_is_a_new_training(tmp_path: Path) -> None:
    write_checkpoint(dict(state_dict={}), tmp_path / 'epoch_1.pth')
    assert find_resumable(tmp_path)[0] is None
    assert find_resumable(tmp_path / 'nowhere')[0] is None


# ---- another batch ------------------------------------------------------------------------------

META = dict(epoch=2, iter=25, done_in_epoch=5, last_val_iter=20, total_batch_size=8)


def test_the_same_batch_goes_on_exactly() -> None:
    position = dict(epoch=2, iter=25, done_in_epoch=5, last_val_iter=20)
    assert resumed_position(META, batch_size=8, batches_per_epoch=10) == position


def test_half_the_batch_has_twice_the_iterations() -> None:
    # 5 batches of 8 images are 10 of 4; 2 epochs of 20 batches are done
    expected = dict(epoch=2, iter=50, done_in_epoch=10, last_val_iter=-1)
    assert resumed_position(META, batch_size=4, batches_per_epoch=20) == expected


def test_a_validation_that_is_done_stays_done() -> None:
    meta = dict(META, done_in_epoch=0, iter=20)
    expected = dict(epoch=2, iter=40, done_in_epoch=0, last_val_iter=40)
    assert resumed_position(meta, batch_size=4, batches_per_epoch=20) == expected


def test_who_counts_iterations_keeps_their_number() -> None:
    assert resumed_position(META, batch_size=4, batches_per_epoch=None)['iter'] == 25


def test_a_file_of_mmengines_says_less() -> None:
    assert resumed_position(dict(epoch=1, iter=3), 4, 3) == dict(epoch=1, iter=3)


def test_a_file_of_mmengines_in_the_middle_of_an_epoch_goes_on_there() -> None:
    position = resumed_position(dict(epoch=1, iter=5), batch_size=4, batches_per_epoch=3)
    assert position == dict(epoch=1, iter=5, done_in_epoch=2, last_val_iter=5)


def test_who_counted_iterations_goes_on_by_epochs() -> None:
    meta = dict(epoch=0, iter=25, done_in_epoch=25, last_val_iter=20, total_batch_size=4)
    expected = dict(epoch=2, iter=25, done_in_epoch=5, last_val_iter=-1)
    assert resumed_position(meta, batch_size=4, batches_per_epoch=10) == expected


def test_more_images_leave_the_epochs_done() -> None:
    """The epoch has 12 batches now, and had 10."""
    expected = dict(epoch=2, iter=29, done_in_epoch=5, last_val_iter=-1)
    assert resumed_position(META, batch_size=8, batches_per_epoch=12) == expected
