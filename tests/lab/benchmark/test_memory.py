"""What a data-loading worker takes for itself, measured on data sets that take much and little."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lab.benchmark.made_up import write_coco_file
from lab.benchmark.memory import (
    PickledRecords,
    PlainRecords,
    made_up_dataset,
    records_of,
    worker_growth,
)
from lab.cli.benchmark import main
from tests.runs import shell

IMAGES = 4000

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc/PID/smaps_rollup')


@pytest.fixture(scope='module')
def dataset():
    return made_up_dataset(IMAGES)


def test_a_worker_shares_the_records(dataset) -> None:
    # 28800 boxes of 25 bytes: 0.7 MB, were they copied; 5 and more MB as dicts of floats
    plain = worker_growth(PlainRecords(records_of(dataset)))
    shared = worker_growth(dataset)
    assert plain > 5
    assert shared < plain / 3


def test_the_peers_hold_what_the_data_set_holds(dataset) -> None:
    records = records_of(dataset)
    pickled, plain = PickledRecords(records), PlainRecords(records)
    assert len(pickled) == len(plain) == len(dataset) == IMAGES
    info = dataset.get_data_info(7)
    assert pickled[7]['img_path'] == plain[7]['img_path'] == info['filename']
    boxes = [instance['bbox'] for instance in pickled[7]['instances']]
    assert boxes == info['ann']['bboxes'].tolist()
    assert boxes == [instance['bbox'] for instance in plain[7]['instances']]


def test_a_sample_goes_through_the_pipeline(dataset) -> None:
    sample = dataset[7]
    assert sample['img'].shape == (8, 8, 3)
    assert sample['gt_bboxes'].tolist() == dataset.get_data_info(7)['ann']['bboxes'].tolist()


@pytest.mark.parametrize('outlines', [False, True])
def test_the_made_up_file_is_a_coco_file(tmp_path: Path, outlines: bool) -> None:
    boxes = write_coco_file(tmp_path / 'a.json', 10, outlines)
    content = json.loads((tmp_path / 'a.json').read_text())
    assert boxes == len(content['annotations']) == 72  # 10 x 7.2
    assert len(content['images']) == 10
    assert len(content['categories']) == 80
    for entry in content['annotations']:
        x, y, width, height = entry['bbox']
        assert 0 <= x <= x + width <= 640
        assert 0 <= y <= y + height <= 480
        assert ('segmentation' in entry) == outlines


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'memory.json'
    small = ['--images', '100', '--workers', '1', '--model', '--out', str(out)]
    assert main(['memory', *small]) == 0
    assert 'forked worker grows by' in capsys.readouterr().out
    report = json.loads(out.read_text())
    assert report['settings'] == dict(images=100, workers=1, device='cpu', rounds=3)
    growth, pickled = report['rows']
    assert 0 <= growth['mmlite'] < growth['target'] == 50
    assert pickled['mmlite'] > pickled['floor'] > 0


def test_the_peak_of_a_step_holds_the_model_and_what_trains_it() -> None:
    ended = shell(['-m', 'lab.benchmark.step_memory', 'layers', 'ssd300', 'cpu'])
    # 26.3 million parameters, their gradients and momentum in float32: 316 MB
    assert float(ended.out) > 316
