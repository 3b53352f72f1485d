"""tools/predict.py on the tiny model: from only a checkpoint to files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmlite.cli.predict import COORDINATES, KINDS
from mmlite.datasets import voc_corners
from mmlite.inference import KINDS as WRITERS
from mmlite.inference import read_frames
from tests.cli.conftest import first_image
from tests.inference.test_sources import OneCamera, draw_video
from tests.runs import CHECKOUT, CLASSES, TINY, Ended, cli, shell


def found(out: Path) -> dict:
    return json.loads((out / 'detections.json').read_text())


def test_from_only_a_checkpoint_as_a_user_would(
    trained: tuple[Ended, Path], voc_part: Path, tmp_path: Path
) -> None:
    image = first_image(voc_part, 'test')
    tool, checkpoint = CHECKOUT / 'tools/predict.py', trained[1] / 'epoch_2.pth'
    ended = shell([tool, checkpoint, image, '--score-thr', '0', '--out', 'out'], cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert ended.out.strip().splitlines()[-1].endswith('detections in 1 images: out')
    content = found(tmp_path / 'out')
    assert content['classes'] == list(CLASSES)
    detections = content['images'][0]['detections']
    assert len(detections) > 0
    assert {det['name'] for det in detections} <= set(CLASSES)
    assert (tmp_path / 'out/pictures' / f'{image.stem}.jpg').is_file()


def test_the_parser_has_every_writer() -> None:
    assert tuple(WRITERS) == KINDS
    assert tuple(voc_corners.COORDINATES) == COORDINATES


def test_folder_video_and_batches(
    trained: tuple[Ended, Path], voc_part: Path, tmp_path: Path
) -> None:
    folder, video = voc_part / 'JPEGImages', draw_video(tmp_path / 'v.mp4', [0, 90, 180])
    inputs = [trained[1] / 'epoch_2.pth', folder, video]
    rest = ['--score-thr', '0', '--save', 'json', 'csv', 'video', '--max-frames', '2']
    for size in (1, 7):
        ended = cli('predict', *inputs, '--out', tmp_path / str(size), '--batch-size', size, *rest)
        assert ended.status == 0, ended.err
    one, seven = (found(tmp_path / size)['images'] for size in ('1', '7'))
    assert len(one) == 18 + 2
    for a, b in zip(one, seven, strict=True):
        assert (a['file'], a['frame']) == (b['file'], b['frame'])
        assert len(a['detections']) == len(b['detections'])
    rows = list(csv.DictReader((tmp_path / '1/detections.csv').open(newline='')))
    boxes = [row for row in rows if row['class']]
    assert len(boxes) == sum(len(image['detections']) for image in one)
    assert len(list(read_frames([str(tmp_path / '1/videos/v.mp4')]))) == 2


def test_freed_feature_maps_are_kept_on_a_cpu(
    trained: tuple[Ended, Path], voc_part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr('mmlite.support.allocator.keep_feature_maps', lambda: told.append('malloc'))
    image = first_image(voc_part, 'test')
    ended = cli('predict', trained[1] / 'epoch_2.pth', image, '--out', tmp_path)
    assert ended.status == 0, ended.err
    assert told == ['malloc']


def test_another_config_and_threshold(
    trained: tuple[Ended, Path], voc_part: Path, tmp_path: Path
) -> None:
    arguments = (trained[1] / 'epoch_2.pth', first_image(voc_part, 'test'), '--out', tmp_path)
    options = ('--score-thr', '0', '--cfg-options', 'model.test_cfg.max_per_img=3')
    for config in ((), ('--config', TINY)):
        assert cli('predict', *arguments, *config, *options).status == 0
        assert len(found(tmp_path)['images'][0]['detections']) == 3
    assert cli('predict', *arguments, '--score-thr', '1').status == 0
    assert found(tmp_path)['images'][0]['detections'] == []


def test_bad_images(trained: tuple[Ended, Path], damaged: Path, tmp_path: Path) -> None:
    arguments = (trained[1] / 'epoch_2.pth', damaged / 'JPEGImages', '--out', tmp_path)
    refused = cli('predict', *arguments)
    assert refused.status == 2 and 'is cut off' in refused.err
    skipped = cli('predict', *arguments, '--skip-bad-images')
    assert skipped.status == 0 and skipped.err.count('left out: ') == 2
    assert len(found(tmp_path)['images']) == 16


class StoppedCamera(OneCamera):
    """Its user presses Ctrl-C after two frames."""

    def read(self) -> tuple[bool, np.ndarray | None]:
        is_there, img = super().read()
        if not is_there:
            raise KeyboardInterrupt
        return is_there, img


def test_a_camera_until_ctrl_c(
    trained: tuple[Ended, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, 'VideoCapture', StoppedCamera)
    arguments = ('--save', 'json', '--out', tmp_path, '--batch-size', 1)
    ended = cli('predict', trained[1] / 'epoch_2.pth', 3, *arguments)
    assert ended.status == 0 and '2 images' in ended.out
    images = found(tmp_path)['images']
    assert [(image['file'], image['frame']) for image in images] == [
        ('camera 3', 0), ('camera 3', 1),
    ]  # fmt: skip


def test_mistakes(trained: tuple[Ended, Path], tmp_path: Path) -> None:
    checkpoint = trained[1] / 'epoch_2.pth'
    cases = [
        ((checkpoint, 'gone.jpg'), 'gone.jpg: no such file or folder'),
        ((tmp_path / 'gone.pth', TINY), 'no such file'),
        ((tmp_path / 'gone.onnx', TINY), 'no such ONNX file'),
        ((tmp_path / 'gone.onnx', TINY, '--device', 'cpu'), 'no such ONNX file'),
        ((tmp_path / 'a.onnx', TINY, '--device', 'cuda'), '--device is for checkpoints, and'),
        ((tmp_path / 'a.onnx', TINY, '--cfg-options', 'a=1'), '--cfg-options is for checkpoints'),
        ((checkpoint, TINY, '--batch-size', 0), '--batch-size: at least 1'),
        ((checkpoint, TINY, '--out', TINY), 'no folder can be made there: File exists'),
        ((checkpoint, TINY, '--out', tmp_path), 'OpenCV cannot decode the image'),
    ]
    if not torch.cuda.is_available():
        cases.append(((checkpoint, TINY, '--device', 'cuda'), 'PyTorch finds no GPU here'))
    for arguments, message in cases:
        ended = cli('predict', *arguments)
        assert ended.status == 2 and message in ended.err, ended.err
        assert 'Traceback' not in ended.err


def test_a_checkpoint_without_a_config(
    trained: tuple[Ended, Path], voc_part: Path, tmp_path: Path
) -> None:
    weights = torch.load(trained[1] / 'epoch_2.pth', weights_only=True)['state_dict']
    bare = dict(state_dict=weights, meta=dict(mmlite_version='0.1'))
    torch.save(bare, tmp_path / 'bare.pth')
    arguments = (tmp_path / 'bare.pth', first_image(voc_part, 'test'), '--out', tmp_path / 'out')
    refused = cli('predict', *arguments)
    assert refused.status == 2 and 'give it by --config' in refused.err
    assert cli('predict', *arguments, '--config', TINY).status == 0


@pytest.mark.parametrize('code', ["__import__('os').getcwd()", 'custom_imports'])
def test_a_config_in_a_checkpoint_never_runs(
    trained: tuple[Ended, Path], tmp_path: Path, code: str
) -> None:
    content = torch.load(trained[1] / 'epoch_2.pth', weights_only=True)
    line = f'x = {code}' if '(' in code else "custom_imports = dict(imports=['antigravity'])"
    content['meta']['cfg'] += f'\n{line}\n'
    torch.save(content, tmp_path / 'evil.pth')
    ended = cli('predict', tmp_path / 'evil.pth', TINY)
    assert ended.status == 2 and 'config' in ended.err
