"""Images/s that one process loads and augments for SSD300, JPEG file to tensor.

The peer is torchvision's own SSD augmentation; the floor is decoding the JPEG and nothing else.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.io import decode_image
from torchvision.transforms import v2

from lab.benchmark.report import Cell, Report
from lab.benchmark.timing import median_seconds
from mmlite.config import load_config
from mmlite.config.own_files import CONFIGS
from mmlite.datasets import VOCDataset
from mmlite.datasets.demo import DEFAULT_CLASSES, demo_root, draw_demo_set
from mmlite.datasets.loader import SeededIndex
from mmlite.support.allocator import keep_pictures

CONFIG = CONFIGS / '_base_/datasets/voc0712_ssd300.py'
SIZE = (640, 480)
BATCH = 8
# what mmdet 3.3.0's pipeline reached on 640x480 pictures, in torchvision's images/s
# (shared/bench/peer_pipeline.py): four times mmdet's is 4.9 times torchvision's
MMDET = 1.22


def measure(data_root: Path | None = None, images: int = 100, rounds: int = 9) -> Report:
    """Measures the training pipeline of SSD300.

    Args:
        data_root: folder in VOC's layout; None draws a demo set, most of it 640x480.
        images: how many of its images each case goes through in a round.
        rounds: timed ones of each case.
    """
    root = data_root or _drawn_root(images)
    dataset = voc_dataset(root)
    count = min(images, len(dataset))
    peer = TorchvisionPipeline(dataset, count)
    files = [Path(dataset.filename(i)).read_bytes() for i in range(count)]
    reduced, cached = voc_dataset(root, reduced_decode=True), voc_dataset(root, cache='decoded')
    cases: dict[str, Callable[[], object]] = {
        'mmlite': lambda: go_through(dataset, count),
        'mmlite, reduced_decode': lambda: go_through(reduced, count),
        "mmlite, cache='decoded'": lambda: go_through(cached, count),
        'torchvision': peer.go_through,
        'only decoding': lambda: [cv2.imdecode(np.frombuffer(f, np.uint8), 1) for f in files],
    }
    keep_pictures()  # as workers do; it helps the peer as well
    with one_thread():
        seconds = median_seconds(cases, rounds)
    rows = [_row(name, seconds, count) for name in cases]
    pictures = f'the pictures of {data_root}' if data_root else 'a demo set, mostly 640x480'
    notes = [
        f'Of {pictures}; one process, one thread, medians of {rounds} rounds by turns.',
        f"mmdet 3.3.0's pipeline ran {MMDET} times torchvision's.",
    ]
    return Report('pipeline', rows, dict(images=count, rounds=rounds), notes)


def _row(name: str, seconds: dict[str, float], count: int) -> dict[str, Cell]:
    mine = seconds[name]
    return {
        'what': name,
        'ms per image': 1000 * mine / count,
        'images/s': count / mine,
        "times torchvision's": seconds['torchvision'] / mine,
        "times mmdet's": seconds['torchvision'] / mine / MMDET,
        'times only decoding': seconds['only decoding'] / mine,
    }


def _drawn_root(images: int) -> Path:
    root = demo_root(DEFAULT_CLASSES, images, 1, SIZE, 0)
    return draw_demo_set(root, DEFAULT_CLASSES, images, 1, SIZE, 0)


def voc_dataset(root: Path, **load: Any) -> VOCDataset:
    """Returns a data set of a folder in VOC's layout with SSD300's training pipeline.

    Args:
        root: the folder.
        load: arguments of LoadImageFromFile.
    """
    steps = copy.deepcopy(list(load_config(CONFIG).train_pipeline))
    steps[0].update(load)
    return VOCDataset(
        ann_file='ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root=''),
        metainfo=dict(classes='auto'),
        filter_cfg=dict(filter_empty_gt=True),
        data_root=str(root),
        pipeline=steps,
    )


def go_through(dataset: VOCDataset, count: int) -> None:
    """Loads the first samples as a worker does: in batches, each sample with a seed of its own."""
    for start in range(0, count, BATCH):
        stop = min(start + BATCH, count)
        dataset.__getitems__([SeededIndex(i, i) for i in range(start, stop)])


class TorchvisionPipeline:
    """The 'ssd' preset of torchvision's detection reference, with Resize to 300 x 300."""

    MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __init__(self, dataset: VOCDataset, count: int) -> None:
        records = [dataset.get_data_info(i) for i in range(count)]
        self.samples = [
            (record['filename'], torch.from_numpy(record['ann']['bboxes'])) for record in records
        ]
        fill = tuple(int(255 * value) for value in self.MEAN)
        self.transform = v2.Compose(
            [
                v2.RandomPhotometricDistort(),
                v2.RandomZoomOut(fill={tv_tensors.Image: fill, 'others': 0}),
                v2.RandomIoUCrop(),
                v2.RandomHorizontalFlip(),
                v2.Resize((300, 300)),
                v2.SanitizeBoundingBoxes(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(self.MEAN, self.STD),
            ]
        )

    def go_through(self) -> None:
        """Loads each sample once."""
        torch.manual_seed(0)
        for path, bboxes in self.samples:
            img = tv_tensors.Image(decode_image(path, mode='RGB'))
            boxes = tv_tensors.BoundingBoxes(bboxes, format='XYXY', canvas_size=img.shape[-2:])
            self.transform(img, dict(boxes=boxes, labels=torch.ones(len(bboxes), dtype=torch.long)))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keeps OpenCV and torch to one thread, as a worker is."""
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
