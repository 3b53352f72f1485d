"""The transform, which comes by --plugin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from examples.quarter_turn.quarter_turn import RandomQuarterTurn, quarter_turn_bboxes
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS
from tests.examples.short_run import EXAMPLES, FEW_DRAWN, SHORT
from tests.runs import CHECKOUT, shell

FOLDER = EXAMPLES / 'quarter_turn'


def test_trains(tmp_path: Path) -> None:
    """In a process of its own: here the class is registered already, by the import above."""
    command = [CHECKOUT / 'tools/train.py', FOLDER / 'quarter_turn_demo.py']
    options = ['--work-dir', tmp_path, '--cfg-options', *SHORT, *FEW_DRAWN]
    ended = shell([*command, '--plugin', FOLDER / 'quarter_turn.py', *options], cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert (tmp_path / 'epoch_1.pth').is_file()
    without = shell([*command, *options], cwd=tmp_path)
    assert without.status == 2
    assert "pipeline[2]: type 'RandomQuarterTurn' is not in the registry 'transform'" in without.err


def test_boxes_turn_as_pixels_do() -> None:
    img = np.zeros((3, 5), np.uint8)
    img[0:2, 1:4] = 1  # the box 1, 0, 4, 2 of a picture 5 wide and 3 high
    turned = np.rot90(img)
    rows, columns = np.nonzero(turned)
    pixels = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    bboxes = np.array([[1, 0, 4, 2]], np.float32)
    # x1' = y1 = 0, y1' = 5 - x2 = 1, x2' = y2 = 2, y2' = 5 - x1 = 4
    assert quarter_turn_bboxes(bboxes, 5).tolist() == [[0, 1, 2, 4]] == [pixels]
    assert bboxes.tolist() == [[1, 0, 4, 2]]


def test_four_turns_are_none() -> None:
    bboxes = np.array([[1, 0, 4, 2]], np.float32)
    turned = bboxes
    for width in (5, 3, 5, 3):
        turned = quarter_turn_bboxes(turned, width)
    assert turned.tolist() == bboxes.tolist()


def sample() -> dict:
    return dict(
        img=np.zeros((3, 5, 3), np.uint8),
        gt_bboxes=np.array([[1, 0, 4, 2]], np.float32),
        gt_bboxes_ignore=np.zeros((0, 4), np.float32),
    )


def test_picture_boxes_and_shapes_change_together() -> None:
    np.random.seed(0)
    turn = TRANSFORMS.build(dict(type='RandomQuarterTurn', prob=1), at='t')
    seen = set()
    for _ in range(20):
        results = turn(sample())
        seen.add((results['img'].shape[:2], tuple(results['gt_bboxes'][0].tolist())))
        assert results['img_shape'] == results['img'].shape
        assert results['img'].flags.c_contiguous
        assert results['gt_bboxes_ignore'].shape == (0, 4)
    # by 1, 2 and 3 quarters: (1, 0, 4, 2) in 5 x 3
    assert seen == {((5, 3), (0, 1, 2, 4)), ((3, 5), (1, 1, 4, 3)), ((5, 3), (1, 1, 3, 4))}


def test_with_probability_0_nothing_changes() -> None:
    assert RandomQuarterTurn(prob=0)(sample())['img'].shape == (3, 5, 3)
    with pytest.raises(ConfigError, match='prob: 0 to 1 is expected, found 2'):
        RandomQuarterTurn(prob=2)
