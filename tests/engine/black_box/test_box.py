from __future__ import annotations

import errno
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from mmlite.checkpoints.file import read_checkpoint
from mmlite.engine.black_box import box as black_box
from mmlite.engine.black_box.report import box_faults
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import NonFiniteLossError
from mmlite.engine.runner import Runner
from tests.failing_parts import BAD
from tests.runs import CLASSES, Watch, equal, log, tiny

NAN = float('nan')


class Keeper(Hook):
    """Keeps what the last iteration started from; the hook that is tested comes after it."""

    priority = 'LOWEST'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict) -> None:
        self.buffers = {n: b.clone() for n, b in runner.model.module.named_buffers()}
        self.random = torch.get_rng_state()
        self.img = data_batch['img'].data.clone()


def failed(cfg: Config, *hooks: Hook) -> tuple[Runner, str]:
    """Trains until a number is not finite; returns the message too."""
    runner = build_runner(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    with pytest.raises(NonFiniteLossError) as info:
        runner.train()
    return runner, str(info.value)


def corrupt(work_dir: Path, **overrides: object) -> Config:
    """The tiny config with two bad boxes in an image."""
    cfg = tiny(work_dir, **overrides)
    cfg.train_dataloader.dataset.pipeline.append(dict(type='CorruptBox'))
    return cfg


def test_the_state_is_that_before_the_step(tmp_path: Path) -> None:
    watch, keeper = Watch(), Keeper()
    runner, message = failed(corrupt(tmp_path), watch, keeper)
    folder = tmp_path / 'black_box' / 'iter_3'
    assert message.splitlines()[-1].endswith(f': python tools/replay.py {folder}')
    state = read_checkpoint(folder / 'state.pth')
    assert (state['epoch'], state['iteration'], state['seed']) == (1, 3, 1)
    assert (state['rank'], state['world_size'], state['amp_dtype']) == (0, 1, None)
    assert state['classes'] == list(CLASSES)
    # the weights on the disk have the background last, those in the model first
    runner.model.module.load_state_dict(state['state_dict'])
    assert equal(watch.weights[-1], dict(runner.model.module.named_parameters()))
    assert equal(keeper.buffers, dict(runner.model.module.named_buffers()))
    assert torch.equal(state['random']['torch'], keeper.random)
    assert state['batch']['img'].dtype == torch.uint8
    assert torch.equal(state['batch']['img'], keeper.img)
    assert len(state['batch']['gt_bboxes']) == len(state['batch']['img_metas']) == 4
    assert state['cpu_only'] == ['img_metas']
    assert not any('batch_input_shape' in meta for meta in state['batch']['img_metas'])
    assert state['losses'].keys() == {'loss_cls', 'loss_bbox'}
    assert state['versions']['torch'] == torch.__version__
    assert state['left_out'] == []


def test_the_model_has_the_buffers_of_before_the_step(tmp_path: Path) -> None:
    keeper = Keeper()
    runner, _ = failed(corrupt(tmp_path), keeper)
    assert equal(keeper.buffers, dict(runner.model.module.named_buffers()))


def test_the_report_names_the_image_and_the_box(tmp_path: Path) -> None:
    failed(corrupt(tmp_path))
    text = (tmp_path / 'black_box' / 'iter_3' / 'report.txt').read_text()
    assert 'loss_bbox = nan' in text.splitlines()[0]
    wrong = [line.strip() for line in text.splitlines() if ' box ' in line and 'label' in line]
    assert len(wrong) == 2
    assert wrong[0].startswith('box 1 (')
    assert ': no size: -' in wrong[0]
    assert wrong[1].startswith('box 2 (')
    assert 'nan' in wrong[1]
    assert wrong[1].endswith('not finite')
    named = text.splitlines()[text.splitlines().index(f'     {wrong[0]}') - 1]
    assert f'{BAD}.jpg: ' in named
    assert 'python tools/replay.py' in text
    assert 'backbone.conv1' in text
    assert 'no layer is beyond 10000' in text
    assert 'Gradients' not in text  # there was no backward pass


def test_the_pictures_show_the_boxes(tmp_path: Path) -> None:
    failed(corrupt(tmp_path))
    folder = tmp_path / 'black_box' / 'iter_3'
    state = read_checkpoint(folder / 'state.pth')
    stems = [Path(meta['filename']).stem for meta in state['batch']['img_metas']]
    pictures = sorted((folder / 'images').iterdir())
    assert [p.name for p in pictures] == [f'{i:02d}_{stem}.jpg' for i, stem in enumerate(stems)]
    for i, file in enumerate(pictures):
        picture = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        height, width, _ = state['batch']['img_metas'][i]['img_shape']
        zoom = picture.shape[0] // height
        assert picture.shape[:2] == (height * zoom, width * zoom)
        plain = state['batch']['img'][i].numpy().transpose(1, 2, 0)[:height, :width]
        plain = cv2.resize(plain, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
        drawn = np.abs(picture.astype(int) - plain).max(axis=2) > 60
        for box in state['batch']['gt_bboxes'][i]:
            if box_faults(box.tolist()) == []:
                x1, y1, x2, y2 = (box * zoom).round().int().clamp(0, zoom * height - 1).tolist()
                edge = np.concatenate([drawn[y1, x1:x2], drawn[y2, x1:x2]])
                assert edge.mean() > 0.5, (file.name, box)
        assert drawn.mean() < 0.3


def test_a_box_that_cannot_be_written_does_not_hide_the_loss(tmp_path: Path) -> None:
    (tmp_path / 'black_box').write_text('a file in its place')
    _, message = failed(corrupt(tmp_path))
    assert 'loss_bbox = nan' in message
    assert 'replay.py' not in message
    assert 'the black box cannot be written: FileExistsError' in log(tmp_path)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> str:
        assert list((tmp_path / 'black_box').glob('.*/state.pth'))  # half of it is there
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(black_box, 'report_text', full)
    _, message = failed(corrupt(tmp_path))
    assert 'loss_bbox = nan' in message
    assert 'iter_3 cannot be written: No space left on device' in log(tmp_path)
    assert list((tmp_path / 'black_box').iterdir()) == []


def test_the_box_of_another_run_is_replaced(tmp_path: Path) -> None:
    old = tmp_path / 'black_box' / 'iter_3' / 'old'
    old.mkdir(parents=True)
    failed(corrupt(tmp_path))
    assert not old.exists()
    assert (tmp_path / 'black_box' / 'iter_3' / 'report.txt').is_file()


def test_what_is_no_plain_data_is_left_out(tmp_path: Path) -> None:
    class Adds(Hook):
        def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict) -> None:
            data_batch['img_metas'].data[1]['odd'] = Path('no plain data')

    failed(corrupt(tmp_path), Adds())
    state = read_checkpoint(tmp_path / 'black_box' / 'iter_3' / 'state.pth')
    assert state['left_out'] == ['img_metas[1].odd']
    assert 'odd' not in state['batch']['img_metas'][1]


def test_layers_that_cannot_run_by_themselves_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fails:
        def __init__(self, model: object) -> None:
            raise RuntimeError('out of memory')

    monkeypatch.setattr('mmlite.engine.black_box.report.LayerWatch', Fails)
    _, message = failed(corrupt(tmp_path))
    assert 'replay.py' in message
    text = (tmp_path / 'black_box' / 'iter_3' / 'report.txt').read_text()
    assert text.endswith('could not be looked at: RuntimeError: out of memory\n')


@pytest.mark.parametrize(
    ('bbox', 'label', 'faults'),
    [
        ((1, 2, 30, 40), 1, []),
        ((0, 0, 60, 40.5), 3, []),  # rounding
        ((NAN, 2, 3, 4), 1, ['not finite']),
        ((1, 2, float('inf'), 4), 1, ['not finite']),
        ((5, 2, 5, 4), 1, ['no size: 0 x 2']),
        ((5, 9, 8, 4), 1, ['no size: 3 x -5']),
        ((60, 2, 70, 4), 1, ['outside of the image of 60 x 40']),
        ((-9, -9, 0, 0), 1, ['outside of the image of 60 x 40']),
        ((50, 2, 70, 4), 1, ['sticks out of the image of 60 x 40']),
        ((5, -3, 8, 4), 1, ['sticks out of the image of 60 x 40']),
        ((1, 2, 3, 4), 0, ['label 0 is not in 1..3']),
        ((1, 2, 1, 4), 4, ['no size: 0 x 2', 'label 4 is not in 1..3']),
        ((1, 2, 3, 4), None, []),
    ],
)
def test_what_is_wrong_with_a_box(bbox: tuple, label: int | None, faults: list[str]) -> None:
    assert box_faults(bbox, label, (40, 60, 3), 3) == faults


def test_the_command_has_the_plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = ['train.py', 'a.py', '--plugin', 'my plugin.py', '--plugin=b.py', '--amp']
    monkeypatch.setattr('sys.argv', words)
    command = shlex.split(black_box.replay_command(tmp_path))
    assert command == [
        *('python', 'tools/replay.py', str(tmp_path)),
        *('--plugin', 'my plugin.py', '--plugin', 'b.py'),
    ]
