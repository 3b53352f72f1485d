from __future__ import annotations

from pathlib import Path

import cv2

from tests.runs import CHECKOUT, TINY, cli, shell


def test_sheets_of_the_samples(tmp_path: Path) -> None:
    tool = CHECKOUT / 'tools' / 'browse_dataset.py'
    ended = shell([tool, TINY, '--out', tmp_path, '--images', 5, '--on-sheet', 4])
    assert ended.status == 0, ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ['train_000.jpg', 'train_001.jpg']
    # four cells of 480x400 with 6 pixels between and around them; then a single one
    assert cv2.imread(str(tmp_path / 'train_000.jpg')).shape == (412, 1950, 3)
    assert cv2.imread(str(tmp_path / 'train_001.jpg')).shape == (412, 492, 3)
    assert 'train_000.jpg (4 pictures)' in ended.out


def test_a_sheet_of_stages_for_each_image(tmp_path: Path) -> None:
    ended = cli('browse_dataset', TINY, '--out', tmp_path, '--images', 2, '--stages')
    assert ended.status == 0, ended.err
    names = ['stages_00000.jpg', 'stages_00011.jpg']  # the first and the last of 12
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    # five transforms in two rows
    assert cv2.imread(str(tmp_path / names[0])).shape == (818, 1950, 3)


def test_the_part_for_validation(tmp_path: Path) -> None:
    args = ('--split', 'val', '--images', 100, '--work-dir', tmp_path)
    ended = cli('browse_dataset', TINY, *args)
    assert ended.status == 0, ended.err
    assert 'val_000.jpg (6 pictures)' in ended.out
    assert (tmp_path / 'browse' / 'val_000.jpg').is_file()


def test_mistakes_are_said_without_a_traceback(tmp_path: Path) -> None:
    ended = cli('browse_dataset', TINY, '--on-sheet', 0)
    assert ended.status == 2
    assert '--on-sheet' in ended.err
    config = tmp_path / 'empty.py'
    config.write_text('model = dict()\n')
    ended = cli('browse_dataset', config)
    assert ended.status == 2
    assert 'it has no train_dataloader' in ended.err
