"""The three rules for VOC's corners, and what files say about the one they follow."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets import VOCDataset
from mmlite.datasets.voc_corners import (
    COORDINATES,
    Judgement,
    edges,
    judge_corners,
    verdict,
    writer_of,
)
from mmlite.errors import ConfigError
from tests.datasets.test_voc import obj, voc, write_voc, xml

WIDTH, HEIGHT = 100, 50
# boxes as marked, points from 0 to 100 and 50: one in the corner, one in the opposite corner
MARKED = [(0, 0, 20, 20), (60, 30, WIDTH, HEIGHT), (5, 6, 7, 8)]
ADDED = dict(devkit=(1, 1, 1, 1), zero_based=(0, 0, 0, 0), inclusive=(1, 1, 0, 0))


def written(coordinates: str) -> np.ndarray:
    """MARKED as a tool that follows a rule writes it."""
    return np.array(MARKED, np.float64) + ADDED[coordinates]


def judged(corners: object, writers: tuple = ('',)) -> Judgement:
    corners = np.array(corners, np.float64).reshape(-1, 4)
    return judge_corners(corners, np.tile((WIDTH, HEIGHT), (len(corners), 1)), writers)


@pytest.mark.parametrize('coordinates', COORDINATES)
def test_what_a_rule_writes_it_reads(coordinates) -> None:
    assert edges(written(coordinates), coordinates).tolist() == [list(box) for box in MARKED]
    assert judged(written(coordinates)).coordinates == coordinates


def test_fractions_are_kept_but_by_mmdets_rule() -> None:
    corners = np.array([[5.9, 6.0, 17.5, 28.25]])
    assert edges(corners, 'devkit').tolist() == [[4, 5, 16, 27]]  # int(5.9) - 1
    assert edges(corners, 'zero_based').tolist() == corners.tolist()
    assert edges(corners, 'inclusive').tolist() == [[4.9, 5, 17.5, 28.25]]
    assert edges(np.array([[-0.5, 1, 2, 3]]), 'devkit')[0, 0] == -1  # int(-0.5) is 0


def test_a_zero_proves_a_count_from_0() -> None:
    found = judged([(0, 9, 20, 20), (1, 1, 20, 20)], ('devkit',))
    assert found.coordinates == 'zero_based' and found.proved
    assert '1 of 2 boxes have an xmin or ymin of 0' in found.reason
    assert 'though 1 have one of 1' in found.reason


def test_fractions_are_no_count_of_pixels() -> None:
    boxes = [(9, 9, 20.5, 20)] * 6 + [(9, 9, 20, 20)] * 94
    assert judged(boxes).coordinates == 'zero_based'  # 6%
    assert judged(boxes[1:] + boxes[-1:]).coordinates == ''  # 5%: the devkit itself has a few


def test_writers_have_their_habits() -> None:
    inside = [(9, 9, 20, 20)]
    assert judged(inside, ('', 'supervision', 'supervision')).coordinates == 'inclusive'
    found = judged(inside, ('labelimg',))
    assert found.coordinates == 'zero_based' and not found.proved
    assert judged(inside).coordinates == '' and judged([]).coordinates == ''


@pytest.mark.parametrize(
    ('texts', 'writer'),
    [
        (('The VOC2007 Database', 'PASCAL VOC2007', 'Fried Camels', 'VOC2007', ''), 'devkit'),
        (('roboflow.ai', '', '', 'VOC', ''), 'supervision'),
        (('roboflow.ai', '', '', '', ''), ''),
        (('MyDatabase', 'COCO2017', 'Label Studio', 'images', ''), 'label_studio'),
        (('Unknown', 'Unknown', '', '', ''), 'datumaro'),
        (('Unknown', '', '', 'x', '/home/x/a.jpg'), 'labelimg'),
        (('Unknown', '', '', 'x', ''), ''),
        (('', '', '', '', ''), ''),
    ],
)
def test_the_marks_of_writers(texts, writer) -> None:
    assert writer_of(*texts) == writer


@pytest.mark.parametrize('coordinates', COORDINATES)
@pytest.mark.parametrize('rule', COORDINATES)
def test_a_data_set_says_how_its_corners_are_read(tmp_path, monkeypatch, coordinates, rule) -> None:
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))
    objects = [obj('cat', box) for box in written(rule).tolist()]
    dataset = voc(write_voc(tmp_path, dict(a=xml(*objects))), coordinates=coordinates)
    assert f"corners read with coordinates='{coordinates}': {COORDINATES[coordinates]}" in (
        dataset.summary
    )
    assert dataset.judged.coordinates == rule
    boxes = written(rule) - ADDED[coordinates]
    assert voc(tmp_path, coordinates=coordinates, test_mode=True).get_ann_info(0)[
        'bboxes'
    ].tolist() == (boxes.tolist())
    # what zeros and ends beyond the image prove is a warning, with the line for the config
    wrong = coordinates != rule and rule != 'inclusive'
    assert len(dataset.warnings) == wrong
    if coordinates != rule:
        assert f"coordinates='{rule}'" in dataset.summary


def test_a_verdict_without_evidence() -> None:
    text, warns = verdict('devkit', Judgement('', 'no box'))
    assert text.endswith('(the files do not tell theirs)') and not warns


def test_wrong_arguments(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"coordinates='zero-based'.*'zero_based'\?"):
        VOCDataset(data_root=str(tmp_path), coordinates='zero-based')
    with pytest.raises(ConfigError, match=r"missing_annotation .*'emty'.*'empty'\?"):
        VOCDataset(data_root=str(tmp_path), missing_annotation='emty')
