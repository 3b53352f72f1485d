"""The length of a training, from the config to the run: stretched, said, refused, resumed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from mmlite.config import load_config
from mmlite.engine.build import build_runner
from mmlite.errors import ConfigError
from tests.runs import TINY, cli, equal, log, scalars, weights

COSINE = """
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=2),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end={end},
        T_max={end},
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs={end}, val_interval=1)
val_dataloader = val_cfg = val_evaluator = None
default_hooks = dict(logger=dict(interval=1))
"""


def config(folder: Path, epochs: int) -> Path:
    path = folder / f'cosine_{epochs}.py'
    path.write_text(f'_base_ = {str(TINY)!r}\n' + COSINE.format(end=epochs))
    return path


@pytest.fixture(scope='module')
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished training of 2 epochs, whose cosine ends with it; beside it its config."""
    folder = tmp_path_factory.mktemp('two')
    ended = cli('train', config(folder, 2), '--work-dir', folder / 'w')
    assert ended.status == 0, ended.err
    return folder


def rates(work_dir: Path) -> list[float]:
    return [line['lr'] for line in scalars(work_dir) if 'loss' in line]


def test_a_longer_training_is_that_with_all_keys_set_by_hand(tmp_path: Path) -> None:
    """Bit for bit, and so is the config in the work dir and in the checkpoint."""
    ended = cli('train', config(tmp_path, 2), '--epochs', 4, '--work-dir', tmp_path / 'flag')
    assert ended.status == 0, ended.err
    by_hand = config(tmp_path, 4)
    assert cli('train', by_hand, '--work-dir', tmp_path / 'hand').status == 0
    flag, hand = (weights(tmp_path / name, 'epoch_4.pth') for name in ('flag', 'hand'))
    assert equal(flag, hand)
    assert rates(tmp_path / 'flag') == rates(tmp_path / 'hand')
    expected = load_config(by_hand).param_scheduler
    assert load_config(tmp_path / 'flag/cosine_2.py').param_scheduler == expected
    meta = torch.load(tmp_path / 'flag/epoch_4.pth', weights_only=True)['meta']
    assert 'T_max=4' in meta['cfg']
    said = 'INFO - train_cfg.max_epochs is 4, and the schedules were written for 2. Stretched with'
    assert log(tmp_path / 'flag').count(said) == 1
    assert 'Stretched' not in log(tmp_path / 'hand')


def test_an_end_at_nearly_0_long_before_that_of_the_training_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path, 2)
    path.write_text(path.read_text() + 'train_cfg = dict(max_epochs=6)\n')  # in the same file
    ended = cli('train', path, '--work-dir', tmp_path / 'w')
    assert ended.status == 2
    assert ended.err == (
        'train: param_scheduler[1] (CosineAnnealingLR) ends after 2 epochs, and the training after '
        '6: for the other 4 epochs the learning rate is nearly 0. Set param_scheduler.1.end=6 and '
        'param_scheduler.1.T_max=6\n'
    )
    assert not (tmp_path / 'w').exists()


def test_a_warm_up_longer_than_the_training_is_a_warning(tmp_path: Path) -> None:
    cfg = load_config(TINY, {'param_scheduler.0.end': 500, 'work_dir': str(tmp_path)})
    build_runner(cfg)
    text = log(tmp_path)
    assert 'WARNING - param_scheduler[0] (LinearLR): the warm-up lasts 500 iterations, the' in text


@pytest.mark.parametrize(
    ('flags', 'text'),
    [
        (['--epochs', '0'], 'train_cfg.max_epochs: a number from 1 up is expected, found 0'),
        (['--epochs', 'x'], "argument --epochs: invalid int value: 'x'"),
        (['--iters', '9'], 'train_cfg.max_epochs is 2. Its length is given by --epochs'),
        (['--epochs', '9', '--iters', '9'], 'not allowed with argument --epochs'),
        (
            ['--epochs', '9', '--cfg-options', 'train_cfg.max_epochs=3'],
            '--epochs and train_cfg.max_epochs in --cfg-options exclude each other',
        ),
    ],
)
def test_lengths_that_are_refused(flags: list[str], text: str, tmp_path: Path) -> None:
    ended = cli('train', TINY, '--work-dir', tmp_path / 'w', *flags)
    assert ended.status == 2
    assert text in ended.err
    assert not (tmp_path / 'w').exists()


# ---- resuming -----------------------------------------------------------------------------------


def test_a_finished_training_says_so_and_how_to_train_on(two: Path, tmp_path: Path) -> None:
    shutil.copytree(two / 'w', tmp_path / 'w')
    ended = cli('train', config(tmp_path, 2), '--work-dir', tmp_path / 'w', '--resume')
    assert ended.status == 0
    file = tmp_path / 'w/epoch_2.pth'
    assert ended.out.endswith(
        'WARNING - Nothing was left to train: the checkpoint is from the end, as '
        'train_cfg.max_epochs is 2. To train on, for example: --resume --epochs 4; to start a new '
        f'one from its weights: --cfg-options load_from={file}\n'
    )


def test_more_epochs_go_on_with_the_rest_of_the_longer_schedule(two: Path, tmp_path: Path) -> None:
    shutil.copytree(two / 'w', tmp_path / 'w')
    path = config(tmp_path, 2)
    ended = cli('train', path, '--work-dir', tmp_path / 'w', '--resume', '--epochs', 4)
    assert ended.status == 0, ended.err
    # half of a cosine of 12 iterations from 0.01: 0.005 at iteration 6; the file's was at its end
    assert rates(tmp_path / 'w')[0] == pytest.approx(0.005, rel=1e-3)
    text = log(tmp_path / 'w')
    assert 'At iteration 6 the learning rate is 0.005, it was' in text
    assert f'--cfg-options load_from={tmp_path / "w/epoch_2.pth"}, without --resume' in text


def test_fewer_epochs_than_are_done_name_a_length_with_something_left(two: Path) -> None:
    cfg = load_config(two / 'cosine_2.py', ['train_cfg.max_epochs=1'])
    cfg.update(work_dir=str(two / 'v'), resume=True, load_from=str(two / 'w/epoch_2.pth'))
    with pytest.raises(ConfigError, match=r'or train for longer: --epochs 3$'):
        build_runner(cfg).train()


@pytest.mark.parametrize(
    ('classes', 'how'),
    [
        (('ring', 'square', 'triangle', 'cross', 'hourglass'), 'the same classes in another order'),
        (('square', 'triangle', 'cross', 'ring', 'star'), 'other classes'),
    ],
)
def test_a_checkpoint_of_other_classes_is_not_resumed(
    two: Path, tmp_path: Path, classes: tuple, how: str
) -> None:
    file = two / 'w/epoch_2.pth'
    options = {'+train_dataloader.dataset.classes': classes}
    cfg = load_config(two / 'cosine_2.py', options)
    cfg.update(work_dir=str(tmp_path / 'w'), resume=True, load_from=str(file))
    with pytest.raises(ConfigError) as refused:
        build_runner(cfg)
    text = str(refused.value)
    assert text.startswith(f'{file} cannot be resumed on {how}: it was trained on [')
    assert str(list(classes)) in text
    assert '--cfg-options load_from=FILE, without --resume' in text
    assert not (tmp_path / 'w').exists()
