from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

import tests.failing_parts  # noqa: F401
from mmlite.checkpoints.file import read_checkpoint, write_checkpoint
from mmlite.config import load_config
from mmlite.datasets.relocate import relocate
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import NonFiniteLossError
from tests.failing_parts import BAD
from tests.runs import CHECKOUT, Ended, cli, shell, tiny

PLUGIN = CHECKOUT / 'tests' / 'failing_parts.py'


def box(cfg: Config) -> Path:
    """Trains in this process until it fails; returns the black box."""
    with pytest.raises(NonFiniteLossError):
        build_runner(cfg).train()
    [folder] = (Path(cfg.work_dir) / 'black_box').iterdir()
    return folder


def changed(folder: Path, **values: object) -> Path:
    """Writes other values into the state of a black box."""
    file = folder / 'state.pth'
    write_checkpoint({**read_checkpoint(file), **values}, file)
    return folder


def table(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith('| ')]


def recorded(ended: Ended, loss: str) -> tuple[str, str]:
    """What the replay prints of a loss: then and now."""
    [line] = [line for line in ended.out.splitlines() if line.startswith(f'{loss}: ')]
    then, now = line.removeprefix(f'{loss}: recorded ').split(', now ')
    return then, now


def test_a_corrupt_box_from_one_command_line_to_the_other(tmp_path: Path) -> None:
    cfg = tiny(tmp_path)
    cfg.train_dataloader.dataset.pipeline.append(dict(type='CorruptBox'))
    cfg.dump(str(tmp_path / 'corrupt.py'))
    train = [CHECKOUT / 'tools/train.py', tmp_path / 'corrupt.py', '--plugin', PLUGIN]
    ended = shell([*train, '--work-dir', tmp_path / 'out'])
    assert ended.status == 1
    assert 'Traceback' not in ended.err
    python, *command = ended.err.splitlines()[-1].split(': ')[-1].split()
    assert python == 'python'
    folder = tmp_path / 'out' / 'black_box' / 'iter_3'
    assert command == ['tools/replay.py', str(folder), '--plugin', str(PLUGIN)]
    text = (folder / 'report.txt').read_text()
    assert f'{BAD}.jpg: ' in text
    assert 'box 1 (' in text

    replayed = shell(command)
    assert replayed.status == 0, replayed.err
    *_, last = replayed.out.splitlines()
    assert last == 'reproduced: loss_bbox = nan, bit for bit'
    then, now = recorded(replayed, 'loss_cls')
    assert then == now
    assert float(then) > 0
    assert len(table(text)) > 20
    assert set(table(text)) <= set(table(replayed.out))


@pytest.mark.parametrize('name', ['tiny_ssd', 'tiny_retinanet', 'tiny_fcos'])
def test_a_nan_box_that_no_loss_shows(tmp_path: Path, name: str, voc_part: Path) -> None:
    cfg = load_config(CHECKOUT / f'tests/{name}.py', dict(work_dir=str(tmp_path)))
    if name != 'tiny_ssd':
        relocate(cfg, voc_part)
    cfg.train_dataloader.dataset.pipeline.append(dict(type='LoseBox'))
    runner = build_runner(cfg)
    with pytest.raises(NonFiniteLossError, match=rf'boxes are not finite: \S*{BAD}\.jpg box 1 '):
        runner.train()
    [folder] = (tmp_path / 'black_box').iterdir()
    assert 'box 1 (nan, nan, nan, nan)' in (folder / 'report.txt').read_text()
    ended = cli('replay', folder)
    assert ended.status == 0, ended.err
    last = ended.out.splitlines()[-1]
    assert last.startswith('reproduced: boxes not finite: ')
    assert last.endswith(f'{BAD}.jpg box 1, bit for bit')
    then, now = recorded(ended, 'loss_cls')
    assert then == now
    float(then)


def test_a_huge_learning_rate(tmp_path: Path) -> None:
    folder = box(tiny(tmp_path, optim_wrapper__optimizer__lr=1e8))
    ended = cli('replay', folder)
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[-1] == 'reproduced: loss_cls = nan, loss_bbox = nan, bit for bit'
    assert 'first layer beyond 10000: backbone.conv1 (Conv2d): a value of ' in ended.out
    assert 'first layer not finite: backbone.layer1.0.conv1 (Conv2d): ' in ended.out
    text = (folder / 'report.txt').read_text()
    assert set(table(text)) <= set(table(ended.out))  # layer by layer, bit for bit as far as shown
    conv1 = next(line for line in table(text) if 'backbone.conv1' in line)
    assert 'nan' not in conv1


@pytest.mark.parametrize(
    'overrides',
    [
        {},
        dict(optim_wrapper__clip_grad=dict(max_norm=1.0)),
        dict(optim_wrapper__accumulative_counts=2),
        dict(optim_wrapper__type='AmpOptimWrapper'),
    ],
    ids=['plain', 'clipped', 'accumulated', 'bfloat16'],
)
def test_a_finite_loss_with_an_infinite_gradient(tmp_path: Path, overrides: dict) -> None:
    cfg = tiny(tmp_path, model__bbox_head__type='InfiniteGradientHead', **overrides)
    folder = box(cfg)
    assert folder.name == 'iter_3'
    ended = cli('replay', folder)
    assert ended.status == 0, ended.err
    last = ended.out.splitlines()[-1]
    assert last.startswith('reproduced: the losses are finite, ')
    assert last.endswith(' gradients are not, bit for bit')
    assert 'in the backward pass bbox_head.cls_convs' in ended.out
    then, now = recorded(ended, 'loss_cls')
    assert then == now
    float(then)


def test_a_nan_while_gradients_are_accumulated(tmp_path: Path) -> None:
    cfg = tiny(tmp_path, optim_wrapper__accumulative_counts=2)
    cfg.train_dataloader.dataset.pipeline.append(dict(type='CorruptBox'))
    ended = cli('replay', box(cfg))
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[-1] == 'reproduced: loss_bbox = nan, bit for bit'


def test_dropout_needs_the_random_state(tmp_path: Path) -> None:
    folder = box(tiny(tmp_path, model__bbox_head__type='DropoutHead'))
    torch.manual_seed(99)
    ended = cli('replay', folder)
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[-1] == 'reproduced: loss_bbox = nan, bit for bit'
    then, now = recorded(ended, 'loss_cls')
    assert then == now
    report = table((folder / 'report.txt').read_text())
    assert set(report) <= set(table(ended.out))  # it ran with that random state too
    torch.manual_seed(99)
    ended = cli('replay', folder, '--without-random-state')
    assert ended.status == 1
    then, now = recorded(ended, 'loss_cls')
    assert then != now
    assert f'not reproduced: loss_cls was {then} and is {now}' in ended.err


def test_norm_layers_and_frozen_parts_are_as_they_were(tmp_path: Path) -> None:
    backbone = dict(model__backbone__frozen_stages=1, model__backbone__norm_eval=True)
    head = dict(model__bbox_head__type='InfiniteGradientHead')
    folder = box(tiny(tmp_path, **backbone, **head))
    state = read_checkpoint(folder / 'state.pth')
    assert 'backbone.bn1' in state['in_eval_mode']
    assert 'backbone.conv1.weight' in state['frozen']
    assert cli('replay', folder).status == 0
    frozen = [*state['frozen'], 'bbox_head.cls_convs.0.0.weight']
    ended = cli('replay', changed(folder, frozen=frozen))
    assert ended.status == 1
    wrong = len(state['nonfinite_grads'])
    assert f'not reproduced: {wrong} gradients were not finite and {wrong - 1} are' in ended.err
    ended = cli('replay', changed(folder, frozen=state['frozen'], in_eval_mode=[]))
    assert ended.status == 1
    assert 'not reproduced: loss_cls was ' in ended.err


def test_a_step_that_hangs_on_something_else(tmp_path: Path) -> None:
    folder = box(tiny(tmp_path, model__bbox_head__type='CountingHead'))
    ended = cli('replay', folder)
    assert ended.status == 1
    assert 'Traceback' not in ended.err
    assert 'not reproduced: loss_bbox was nan and is ' in ended.err
    assert 'reproduced' not in ended.out


@pytest.fixture(scope='module')
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cfg = tiny(tmp_path_factory.mktemp('finished'), model__bbox_head__type='InfiniteGradientHead')
    return box(cfg)


@pytest.mark.parametrize(
    ('values', 'reason'),
    [
        (dict(world_size=2), 'averaged over 2 processes'),
        (dict(device='cuda'), 'it ran on cuda, and now on cpu'),
        (dict(num_devices=2), 'it ran on 2 devices'),
        (dict(left_out=['extra']), 'the box lacks extra'),
        (dict(versions=dict(torch='1.0')), 'torch was 1.0 and is '),
    ],
)
def test_bits_are_not_asked_for_where_they_cannot_be_had(
    finished: Path, tmp_path: Path, values: dict, reason: str
) -> None:
    state = read_checkpoint(finished / 'state.pth')
    losses = {name: value + 0.25 for name, value in state['losses'].items()}
    copy = tmp_path / 'copy'
    copy.mkdir()
    (copy / 'config.py').write_bytes((finished / 'config.py').read_bytes())
    write_checkpoint({**state, 'losses': losses}, copy / 'state.pth')
    assert cli('replay', copy).status == 1
    ended = cli('replay', changed(copy, **values))
    assert ended.status == 0, ended.err
    assert 'not compared bit for bit: ' in ended.out.splitlines()[-1]
    assert reason in ended.out.splitlines()[-1]
    wrong = {**losses, 'loss_cls': float('nan')}
    assert cli('replay', changed(copy, losses=wrong)).status == 1


def test_mistakes(finished: Path, tmp_path: Path) -> None:
    def refused(*args: object) -> str:
        ended = cli('replay', *args)
        assert ended.status == 2, ended.err
        assert 'Traceback' not in ended.err
        assert ended.out == ''
        return ended.err

    assert 'no such folder' in refused(tmp_path / 'nowhere')
    assert "Did you mean 'iter_3'" in refused(finished.with_name('iter_4'))
    assert f'it has no state.pth. There are: {finished}' in refused(finished.parent)
    assert '--device cuda:77' in refused(finished, '--device', 'cuda:77')
    assert '--device gpu' in refused(finished, '--device', 'gpu')

    copy = tmp_path / 'copy'
    copy.mkdir()
    content = (finished / 'state.pth').read_bytes()
    (copy / 'state.pth').write_bytes(content)
    assert 'it has no config.py' in refused(copy)
    config = (finished / 'config.py').read_text()
    (copy / 'config.py').write_text(config)
    (copy / 'state.pth').write_bytes(content[: len(content) // 2])
    assert 'damaged or cut off' in refused(copy)
    (copy / 'state.pth').write_bytes(content[:5000] + b'\1\2\3' + content[5003:])
    assert 'damaged or cut off' in refused(copy)
    write_checkpoint(dict(state_dict={}), copy / 'state.pth')
    assert 'is not the state of a black box; it holds: state_dict' in refused(copy)
    (copy / 'state.pth').write_bytes(content)
    (copy / 'config.py').write_text(config.replace('base_channels=8', 'base_channels=16'))
    assert 'the weights of the box do not fit its config' in refused(copy)
    (copy / 'config.py').write_text('import os\n' + config)
    assert 'a safe config holds values' in refused(copy, '--safe-config')
    (copy / 'config.py').write_text('work_dir = "a"\n')
    assert 'it has no model' in refused(copy)


def test_a_plugin_that_is_missing_is_named(finished: Path) -> None:
    ended = shell([CHECKOUT / 'tools/replay.py', finished])
    assert ended.status == 2
    assert 'InfiniteGradientHead' in ended.err
    assert 'Traceback' not in ended.err


@pytest.mark.skipif(sys.platform == 'win32', reason='torchrun and gloo')
def test_two_processes(tmp_path: Path) -> None:
    cfg = tiny(tmp_path)
    cfg.train_dataloader.dataset.pipeline.append(dict(type='CorruptBox'))
    cfg.train_dataloader.batch_size = 2
    cfg.dump(str(tmp_path / 'corrupt.py'))
    run = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    train = [CHECKOUT / 'tools/train.py', tmp_path / 'corrupt.py', '--plugin', PLUGIN]
    ended = shell([*run, *train, '--work-dir', tmp_path / 'out', '--launcher', 'pytorch'])
    assert ended.status == 1
    [folder] = (tmp_path / 'out' / 'black_box').iterdir()  # the other process saw nothing wrong
    assert folder.name.startswith('iter_3_rank')
    assert f'{BAD}.jpg: ' in (folder / 'report.txt').read_text()
    assert 'no layer is beyond' in (folder / 'report.txt').read_text()
    ended = cli('replay', folder)
    assert ended.status == 0, ended.err
    assert 'reproduced: loss_bbox = nan; not compared bit for bit: ' in ended.out
    assert 'averaged over 2 processes' in ended.out
