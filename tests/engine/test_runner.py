from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from torch import nn

from mmlite.config import load_config
from mmlite.engine.build import build_runner
from mmlite.errors import ConfigError, DataError
from mmlite.registry import DETECTORS
from mmlite.version import __version__
from tests.runs import CLASSES, Watch, equal, log, scalars, tiny, weights


def watched(cfg) -> Watch:
    runner = build_runner(cfg)
    watch = Watch()
    runner.register_hook(watch)
    runner.train()
    return watch


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of two epochs without a break."""
    work_dir = tmp_path_factory.mktemp('whole')
    build_runner(tiny(work_dir)).train()
    return work_dir


@pytest.fixture(scope='module')
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of one epoch, and another one after it."""
    work_dir = tmp_path_factory.mktemp('resumed')
    build_runner(tiny(work_dir, train_cfg__max_epochs=1)).train()
    build_runner(tiny(work_dir, resume=True)).train()
    return work_dir


# ---- checkpoints --------------------------------------------------------------------------------


def test_a_checkpoint_holds_what_a_run_needs(whole: Path) -> None:
    checkpoint = torch.load(whole / 'epoch_2.pth', weights_only=True)
    assert checkpoint.keys() == {
        *('meta', 'state_dict', 'message_hub', 'optimizer', 'param_schedulers', 'process_states'),
    }
    meta = checkpoint['meta']
    assert (meta['epoch'], meta['iter'], meta['seed']) == (2, 6, 1)  # 12 images, 4 in a batch
    assert meta['mmlite_version'] == __version__
    assert meta['dataset_meta']['classes'] == CLASSES
    assert "type='SingleStageDetector'" in meta['cfg']
    assert all(not key.startswith('module.') for key in checkpoint['state_dict'])


def test_the_best_checkpoint_counts_what_has_been_done(whole: Path) -> None:
    (best,) = whole.glob('best_pascal_voc_mAP_epoch_*.pth')
    meta = torch.load(best, weights_only=True)['meta']
    assert meta['epoch'] == int(best.stem[-1])
    assert meta['iter'] == 3 * meta['epoch']


def test_the_config_of_the_run_can_be_run(whole: Path, tmp_path: Path) -> None:
    cfg = load_config(whole / 'tiny_ssd.py', dict(work_dir=str(tmp_path)))
    build_runner(cfg).train()
    assert equal(weights(tmp_path), weights(whole))


# ---- resume -------------------------------------------------------------------------------------


def test_resumed_weights_are_those_of_an_uninterrupted_run(whole: Path, resumed: Path) -> None:
    one, other = (torch.load(w / 'epoch_2.pth', weights_only=True) for w in (whole, resumed))
    assert equal(one['state_dict'], other['state_dict'])
    for index, state in one['optimizer']['state'].items():
        momentum = other['optimizer']['state'][index]['momentum_buffer']
        assert torch.equal(state['momentum_buffer'], momentum)
    assert one['param_schedulers'] == other['param_schedulers']


def test_the_log_of_a_resumed_run_continues(whole: Path, resumed: Path) -> None:
    def last(work_dir: Path) -> dict:
        line = next(line for line in reversed(scalars(work_dir)) if 'loss' in line)
        return {key: value for key, value in line.items() if 'time' not in key}

    assert last(whole) == last(resumed)  # the loss is the mean of both epochs
    assert last(resumed)['iter'] == 6
    assert 'Epoch(train) [2][1/3]' in log(resumed)
    assert 'Epoch(train) [1]' not in log(resumed)
    assert 'dataset metainfo from the resumed checkpoint is different' not in log(resumed)


def test_the_histories_are_restored(whole: Path, resumed: Path) -> None:
    one, other = (torch.load(w / 'epoch_2.pth', weights_only=True) for w in (whole, resumed))
    histories = [c['message_hub']['log_scalars']['train/loss'] for c in (one, other)]
    assert len(histories[0]['log_history']) == 6
    assert torch.equal(histories[0]['log_history'], histories[1]['log_history'])
    infos = [c['message_hub']['runtime_info'] for c in (one, other)]
    assert infos[0]['best_score'] == infos[1]['best_score']


def test_a_run_of_mmengines_own_runner_is_resumed(
    whole: Path, resumed: Path, tmp_path: Path
) -> None:
    """Its checkpoints hold history buffers, a ConfigDict and NumPy values."""
    checkpoint = torch.load(resumed / 'epoch_1.pth', weights_only=True)
    hub = checkpoint['message_hub']
    hub['log_scalars'] = {
        key: HistoryBuffer(item['log_history'].tolist(), item['count_history'].tolist())
        for key, item in hub['log_scalars'].items()
    }
    del checkpoint['meta']['mmlite_version']
    checkpoint['meta'] = ConfigDict(checkpoint['meta'], iter=np.int64(3))
    (tmp_path / 'theirs').mkdir()
    torch.save(checkpoint, tmp_path / 'theirs/epoch_1.pth')
    cfg = tiny(tmp_path, resume=True, load_from=str(tmp_path / 'theirs/epoch_1.pth'))
    build_runner(cfg).train()
    assert equal(weights(tmp_path), weights(whole))


def test_the_config_in_a_checkpoint_is_not_run(resumed: Path, tmp_path: Path) -> None:
    """mmengine's resume executes `meta['config']`, where mmdet 2.x kept its config."""
    checkpoint = torch.load(resumed / 'epoch_1.pth', weights_only=True)
    victim = tmp_path / 'pwned'
    checkpoint['meta']['config'] = f'import os\nos.mkdir({str(victim)!r})\n'
    torch.save(checkpoint, tmp_path / 'bad.pth')
    build_runner(tiny(tmp_path, resume=True, load_from=str(tmp_path / 'bad.pth'))).train()
    assert not victim.exists()


def test_a_file_of_only_weights_cannot_be_resumed(resumed: Path, tmp_path: Path) -> None:
    state_dict = weights(resumed, 'epoch_1.pth')
    meta = dict(mmdet_version='2.28.2', epoch=1, iter=3)
    torch.save(dict(state_dict=state_dict, meta=meta, optimizer={}), tmp_path / 'old.pth')
    runner = build_runner(tiny(tmp_path, resume=True, load_from=str(tmp_path / 'old.pth')))
    with pytest.raises(DataError, match=r'cannot be resumed: it has no message_hub.*load_from='):
        runner.train()


def test_without_a_seed_of_its_own_a_resumed_run_has_the_old_one(tmp_path: Path) -> None:
    build_runner(tiny(tmp_path, randomness={}, train_cfg__max_epochs=1)).train()
    seed = torch.load(tmp_path / 'epoch_1.pth', weights_only=True)['meta']['seed']
    runner = build_runner(tiny(tmp_path, randomness={}, resume=True))
    assert runner.seed == seed


def test_nothing_to_resume_is_a_new_training(tmp_path: Path) -> None:
    runner = build_runner(tiny(tmp_path, resume=True, train_cfg__max_epochs=1))
    initialised: list[bool] = []
    runner.model.module.init_weights = lambda: initialised.append(True)
    runner.train()
    assert initialised == [True]


@pytest.mark.parametrize('resume', [True, False])
def test_a_checkpoint_that_is_not_there_leaves_nothing_behind(tmp_path: Path, resume: bool) -> None:
    cfg = tiny(tmp_path / 'w', resume=resume, load_from='nowhere.pth')
    with pytest.raises(DataError, match=r'^checkpoint nowhere\.pth: no such file'):
        build_runner(cfg)
    assert not (tmp_path / 'w').exists()


# ---- two runs -----------------------------------------------------------------------------------


def test_two_runs_of_one_second_keep_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mmengine.runner.runner.time.time', lambda: 1.7e9)
    runners = [build_runner(tiny(tmp_path)) for _ in range(2)]
    assert len({runner.experiment_name for runner in runners}) == 2
    assert len(list(tmp_path.glob('*/*.log'))) == 2
    for part in ('logger', 'message_hub', 'visualizer'):
        one, other = (getattr(runner, part) for runner in runners)
        assert one is not other


@DETECTORS.register_module()
class UndrawnDetector(DETECTORS.get('SingleStageDetector')):
    """One whose parts have no way of drawing their weights."""

    def init_weights(self) -> None:
        pass


def test_the_seed_decides_weights_that_nobody_draws(tmp_path: Path) -> None:
    first, second, other = (
        build_runner(
            tiny(tmp_path, model__type='UndrawnDetector', randomness__seed=seed)
        ).model.state_dict()
        for seed in (1, 1, 2)
    )
    assert equal(first, second)
    assert not equal(first, other)


# ---- optimisation -------------------------------------------------------------------------------


def test_gradients_are_accumulated(tmp_path: Path) -> None:
    steps = watched(tiny(tmp_path, optim_wrapper__accumulative_counts=2)).weights
    same = [equal(one, other) for one, other in pairwise(steps)]
    assert same == [False, True, False, True, False]  # steps in iterations 2, 4 and 6


def test_gradients_are_clipped(tmp_path: Path) -> None:
    sgd = dict(type='SGD', lr=1.0)
    cfg = tiny(
        tmp_path,
        optim_wrapper=dict(type='OptimWrapper', optimizer=sgd, clip_grad=dict(max_norm=1e-3)),
        param_scheduler=None,
        train_cfg__max_epochs=1,
    )
    steps = watched(cfg).weights
    moved = [(steps[1][name] - weight).flatten() for name, weight in steps[0].items()]
    assert torch.cat(moved).norm() == pytest.approx(1e-3, rel=0.05)  # lr 1 times the norm
    assert scalars(tmp_path)[0]['grad_norm'] > 1


def test_iterations_may_be_counted_in_the_place_of_epochs(tmp_path: Path) -> None:
    cfg = tiny(
        tmp_path,
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=4, val_interval=4),
        param_scheduler=None,
        log_processor__by_epoch=False,
        default_hooks__checkpoint=dict(type='CheckpointHook', interval=2, by_epoch=False),
    )
    build_runner(cfg).train()
    assert torch.load(tmp_path / 'iter_4.pth', weights_only=True)['meta']['iter'] == 4
    assert 'pascal_voc/mAP' in log(tmp_path)


# ---- building -----------------------------------------------------------------------------------


def test_default_hooks_can_be_taken_out(tmp_path: Path) -> None:
    names = {
        type(hook).__name__
        for hook in build_runner(tiny(tmp_path, default_hooks__progress=None)).hooks
    }
    assert 'ProgressHook' not in names
    assert {'CheckInvalidLossHook', 'SkippedImagesHook', 'LoggerHook', 'CheckpointHook'} <= names


def test_a_head_for_other_classes_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'^model\.bbox_head\.num_classes is 4'):
        build_runner(tiny(tmp_path / 'w', model__bbox_head__num_classes=4))
    assert not (tmp_path / 'w').exists()


def test_the_config_is_not_changed(tmp_path: Path) -> None:
    cfg = tiny(tmp_path)
    before = cfg.to_dict()
    build_runner(cfg)
    assert cfg.to_dict() == before


@pytest.mark.parametrize(('has_gpu', 'expected'), [(False, ['malloc']), (True, [])])
def test_freed_feature_maps_are_kept_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_gpu: bool, expected: list[str]
) -> None:
    found = []
    runner = build_runner(tiny(tmp_path))
    monkeypatch.setattr('mmlite.engine.runner.keep_feature_maps', lambda: found.append('malloc'))
    monkeypatch.setattr('torch.cuda.is_available', lambda: has_gpu)
    monkeypatch.setattr('mmlite.engine.runner.use_half_dtype', lambda: None)  # asks the GPU
    runner.setup_env({})
    assert found == expected


def test_the_detector_is_in_a_wrapper_that_moves_data(tmp_path: Path) -> None:
    runner = build_runner(tiny(tmp_path))
    assert type(runner.model).__name__ == 'MMDataParallel'
    assert not isinstance(runner.model.module, nn.DataParallel)


@pytest.fixture(scope='module')
def partial(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that lacks the head's convolutions for the classes."""
    checkpoint = torch.load(whole / 'epoch_2.pth', weights_only=True)
    for key in [key for key in checkpoint['state_dict'] if 'cls_convs' in key]:
        del checkpoint['state_dict'][key]
    path = tmp_path_factory.mktemp('partial') / 'partial.pth'
    torch.save(checkpoint, path)
    return path


def test_a_part_of_a_model_is_not_tested(partial: Path, tmp_path: Path) -> None:
    cfg = tiny(tmp_path, load_from=str(partial))
    with pytest.raises(DataError, match=r'(?s)cls_convs.*100% of the model.*--allow-partial'):
        build_runner(cfg, 'test').test()
    assert 'pascal_voc/mAP' in build_runner(cfg, 'test', allow_partial=True).test()


def test_a_part_of_a_model_is_enough_to_start_from(partial: Path, tmp_path: Path) -> None:
    build_runner(tiny(tmp_path, load_from=str(partial), train_cfg__max_epochs=1)).train()
    assert 'missing' in log(tmp_path)
