from __future__ import annotations

import json
import sys

import cv2
import pytest

from mmlite.errors import ConfigError, DataError
from mmlite.visualization import plot_curves
from mmlite.visualization.curves import curves_of, validation_curves
from mmlite.visualization.run_log import read_scalars

TRAIN = [
    dict(lr=0.1, loss=3.0, loss_cls=1.0, loss_bbox=2.0, time=0.1, epoch=1, iter=10, step=10),
    dict(lr=0.1, loss=2.0, loss_cls=0.5, loss_bbox=1.5, time=0.1, epoch=2, iter=20, step=20),
]
VAL = [{'pascal_voc/mAP': 0.5, 'pascal_voc/AP50': 0.5, 'time': 1.0, 'step': 1}]


def write(path, lines, tail='') -> None:
    path.write_text(''.join(json.dumps(line) + '\n' for line in lines) + tail)


@pytest.mark.parametrize(('lines', 'panels'), [(TRAIN + VAL, 3), (TRAIN, 2), (VAL, 1)])
def test_a_panel_for_what_there_is(tmp_path, lines, panels):
    write(tmp_path / 'scalars.json', lines)
    had_pyplot = 'matplotlib.pyplot' in sys.modules
    plot_curves(tmp_path / 'scalars.json', tmp_path / 'new' / 'curves.png')
    picture = cv2.imread(str(tmp_path / 'new' / 'curves.png'))
    assert picture.shape == (396, 550 * panels, 3)  # 3.6 and 5 inches at 110 dots
    assert picture.std() > 10
    assert had_pyplot or 'matplotlib.pyplot' not in sys.modules  # no global state


def test_numbers_by_step_and_the_later_run_wins(tmp_path):
    again = dict(lr=0.2, loss=1.0, iter=20, step=20)
    write(tmp_path / 'scalars.json', [*TRAIN, again], tail='{"lr": 0.')  # stopped while writing
    lines = read_scalars(tmp_path / 'scalars.json')
    assert curves_of(lines, 'iter', lambda key: 'loss' in key) == {
        'loss': {10: 3.0, 20: 1.0},
        'loss_cls': {10: 1.0, 20: 0.5},
        'loss_bbox': {10: 2.0, 20: 1.5},
    }


def test_validation_shows_map_and_what_was_measured():
    lines = [{'coco/bbox_mAP': 0.4, 'coco/bbox_mAP_s': -1.0, 'coco/recall': 0.7, 'step': 2}]
    assert validation_curves(lines) == {'coco/bbox_mAP': {2: 0.4}}
    assert validation_curves([{'mine/recall': 0.7, 'time': 1.0, 'step': 2}]) == {
        'mine/recall': {2: 0.7}
    }
    assert curves_of([dict(loss=float('nan'), iter=1)], 'iter', lambda key: True) == {
        'iter': {1: 1}
    }


def test_files_without_curves(tmp_path):
    with pytest.raises(DataError, match=r'scalars\.json: no such file'):
        plot_curves(tmp_path / 'scalars.json', tmp_path / 'curves.png')
    write(tmp_path / 'scalars.json', [dict(time=1.0)])
    with pytest.raises(DataError, match=r'scalars\.json: no losses'):
        plot_curves(tmp_path / 'scalars.json', tmp_path / 'curves.png')


@pytest.mark.parametrize('name', ['curves.pgn', 'curves'])
def test_a_picture_of_an_unknown_kind_is_refused(tmp_path, name):
    write(tmp_path / 'scalars.json', TRAIN)
    with pytest.raises(ConfigError, match=rf'{name}: a picture of the kind .* Endings: .*png'):
        plot_curves(tmp_path / 'scalars.json', tmp_path / 'new' / name)
    assert not (tmp_path / 'new').exists()
