"""tools/benchmark.py eval on few images, with a stand-in for mmdet's mean_ap.py as the peer."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lab.benchmark.eval import NUM_CLASSES, NUM_DETS, made_up
from lab.cli.benchmark import main

# counts classes from 0, asks for a pool and imports from beside it, as mmdet's file does
MEAN_AP = """
from .labels import from_one

def eval_map(det_results, annotations, eval_mode, use_legacy_coordinate, logger, nproc):
    from mmlite.evaluation import eval_map
    assert use_legacy_coordinate and min(ann['labels'].min() for ann in annotations) == 0
    pool = Pool(nproc)
    annotations = pool.starmap(from_one, [(ann,) for ann in annotations])
    pool.close()
    return eval_map(det_results, annotations, eval_mode=eval_mode)
"""
LABELS = """
def from_one(ann):
    return {**ann, 'labels': ann['labels'] + 1}
"""
FOLDER = 'mmdet/evaluation/functional'


@pytest.fixture(params=['wheel', 'folder'])
def peer(request, tmp_path) -> Path:
    files = {f'{FOLDER}/mean_ap.py': MEAN_AP, f'{FOLDER}/labels.py': LABELS}
    if request.param == 'wheel':
        with zipfile.ZipFile(tmp_path / 'mmdet.whl', 'w') as wheel:
            for name, text in files.items():
                wheel.writestr(name, text)
        return tmp_path / 'mmdet.whl'
    for name, text in files.items():
        path = tmp_path / 'unpacked' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / 'unpacked'


def measured(tmp_path: Path, *arguments: str) -> dict:
    out = tmp_path / 'report.json'
    assert main(['eval', '--images', '12', '--rounds', '1', '--out', str(out), *arguments]) == 0
    return json.loads(out.read_text())


def test_with_a_peer(tmp_path, peer):
    report = measured(tmp_path, '--peer', str(peer))
    assert report['settings'] == dict(images=12, classes=20, detections=100, rounds=1)
    assert [row['figure'] for row in report['rows']] == [
        'VOC mAP, area',
        'VOC mAP, 11 points',
        'VOC mAP, area',
        'VOC mAP, 11 points',
        'COCO, 12 figures',
        'COCO, 12 figures',
    ]
    for row in report['rows']:
        assert row['mmlite s'] > 0 and row['peer s'] > 0 and row['floor s'] > 0
        assert row['peer / mmlite'] == pytest.approx(row['peer s'] / row['mmlite s'])
    differences = [note for note in report['notes'] if 'largest difference' in note]
    assert len(differences) == 3
    assert all(note.endswith('0.0e+00') for note in differences)


def test_without_a_peer(tmp_path, capsys):
    report = measured(tmp_path)
    assert [row['peer s'] is None for row in report['rows']] == [True] * 4 + [False] * 2
    assert any('pip download --no-deps mmdet==3.3.0' in note for note in report['notes'])
    assert '| VOC mAP, area ' in capsys.readouterr().out


def test_a_peer_that_is_not_there(tmp_path, capsys):
    assert main(['eval', '--images', '2', '--peer', str(tmp_path)]) == 2
    assert f'--peer: {tmp_path} holds no {FOLDER}/mean_ap.py' in capsys.readouterr().err


def test_made_up_results_hold_what_they_say():
    results, annotations = made_up(3)
    assert [sum(map(len, image)) for image in results] == [NUM_DETS] * 3
    assert all(len(image) == NUM_CLASSES for image in results)
    for image, ann in zip(results, annotations, strict=True):
        assert 1 <= len(ann['bboxes']) == len(ann['labels']) <= 5
        # the first box has a detection of its class within a few pixels
        near = np.abs(image[ann['labels'][0] - 1][:, :4] - ann['bboxes'][0]).max(axis=1)
        assert near.min() < 30
