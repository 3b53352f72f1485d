"""The pipeline verb of tools/benchmark.py: that it measures what it says, not how fast."""

from __future__ import annotations

import cv2
import pytest
import torch

from lab.benchmark.pipeline import TorchvisionPipeline, go_through, measure, voc_dataset
from mmlite.datasets.demo import draw_demo_set


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return draw_demo_set(tmp_path_factory.mktemp('demo') / 'set', num_train=5, num_test=1)


def test_the_report_compares_with_the_peer_and_the_floor(root):
    threads = cv2.getNumThreads(), torch.get_num_threads()
    report = measure(root, images=3, rounds=1)
    assert (cv2.getNumThreads(), torch.get_num_threads()) == threads
    rows = {row['what']: row for row in report.rows}
    assert rows['torchvision']["times torchvision's"] == 1
    assert rows['only decoding']['times only decoding'] == 1
    for row in rows.values():
        assert row['ms per image'] * row['images/s'] == pytest.approx(1000)
        ratio = rows['torchvision']['ms per image'] / row['ms per image']
        assert row["times torchvision's"] == pytest.approx(ratio)
        assert row["times mmdet's"] == pytest.approx(ratio / 1.22)
    assert report.settings == dict(images=3, rounds=1)


def test_no_more_images_than_there_are(root):
    assert measure(root, images=100, rounds=1).settings['images'] == 5


def test_both_make_300_by_300_pictures(root):
    dataset = voc_dataset(root)
    made = []
    dataset.pipeline.transforms.append(lambda results: made.append(results['img'].data) or results)
    go_through(dataset, 2)
    peer = TorchvisionPipeline(dataset, 2)
    peer.transform.transforms.append(lambda img, target: made.append(img) or (img, target))
    peer.go_through()
    assert [tuple(img.shape) for img in made] == [(3, 300, 300)] * 4
