"""What a training holds in memory: at the peak of a step, and in each data-loading worker.

A forked worker shares the pages of the main process until one of the two writes into them, and
Python writes into an object that is only looked at: it counts references.
"""

from __future__ import annotations

import copy
import gc
import os
import pickle
import tempfile
from collections.abc import Sequence, Sized
from pathlib import Path
from unittest import mock

import numpy as np
from mmengine.dataset import BaseDataset
from torch.utils.data import DataLoader

from lab.benchmark.made_up import write_coco_file
from lab.benchmark.report import Cell, Report
from lab.benchmark.step_memory import peaks_of_step
from mmlite.datasets import CocoDataset
from mmlite.datasets.workers import own_memory


def measure(images: int, workers: int, models: Sequence[str], device: str, rounds: int) -> Report:
    """Measures a training step's peak, and what a worker's own memory grows by over one epoch.

    Args:
        images: in the COCO file that is made up.
        workers: processes that share the epoch.
        models: keys of CASES, whose steps are measured.
        device: of the steps, 'cpu' or 'cuda'.
        rounds: processes for each step.
    """
    steps = [
        _row(f'peak of a step, {model}', *peaks_of_step(model, device, rounds)) for model in models
    ]
    dataset, nothing = made_up_dataset(images), PlainRecords([{}] * images)
    own, floor = worker_growth(dataset, workers), worker_growth(nothing, workers)
    records = records_of(dataset)
    plain = worker_growth(PlainRecords(records), workers)
    peer = PickledRecords(records)
    del records  # a worker would share them too
    rows = [
        *steps,
        _row('forked worker grows by', own, worker_growth(peer, workers), floor, target=50),
        _row('spawned worker gets', *map(_pickled, (dataset, peer, nothing))),
    ]
    notes = [
        "The peer is torchvision for steps; for workers mmengine's BaseDataset, mmdet's base, with "
        'the same annotations. The floor is only the layers; for workers an empty data set.',
        f'With the records as a plain list of dicts a forked worker grows by {plain:.0f} MB.',
    ]
    settings = dict(images=images, workers=workers, device=device, rounds=rounds)
    return Report('memory', rows, settings, notes)


def _row(
    what: str, mmlite: float, peer: float, floor: float, target: float | None = None
) -> dict[str, Cell]:
    return {
        'MB': what,
        'mmlite': mmlite,
        'target': target,
        'peer': peer,
        'floor': floor,
        'mmlite/peer': mmlite / peer,
    }


def worker_growth(dataset: Sized, workers: int = 2, batch_size: int = 256) -> float:
    """MB that a forked worker's own memory grows by from its first sample on; of the worst one."""
    loader = DataLoader(
        _Watched(dataset),
        batch_size,
        shuffle=True,
        num_workers=workers,
        collate_fn=_first,
        multiprocessing_context='fork',
    )
    gc.collect()  # in the worker it would write into every object
    seen: dict[int, list[int]] = {}
    for pid, before, after in loader:
        seen.setdefault(pid, [before]).append(after)
    return max(max(sizes) - sizes[0] for sizes in seen.values()) / 1e6


def made_up_dataset(images: int) -> CocoDataset:
    """A COCO data set of made-up annotations; its samples are black images."""
    with tempfile.TemporaryDirectory() as folder:
        write_coco_file(Path(folder, 'made_up.json'), images)
        with mock.patch.dict(os.environ, MMLITE_CACHE=folder):
            return CocoDataset(
                ann_file='made_up.json',
                data_root=folder,
                pipeline=[_black_image, dict(type='LoadAnnotations', with_bbox=True)],
            )


class PickledRecords(BaseDataset):
    """Records as mmdet keeps them: all pickled into one array."""

    def __init__(self, records: list[dict]) -> None:
        self._records = records
        super().__init__()
        del self._records

    def load_data_list(self) -> list[dict]:
        return list(self._records)  # mmengine empties it

    def prepare_data(self, i: int) -> dict:
        return self.get_data_info(i)


class PlainRecords:
    """Records as a list of dicts."""

    def __init__(self, records: list[dict]) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, i: int) -> dict:
        return copy.deepcopy(self.records[i])  # a pipeline changes what it gets


def records_of(dataset: CocoDataset) -> list[dict]:
    """The records as mmdet's data sets list them: a dict for each image, and for each object."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [
        dict(
            img_path=info['filename'],
            img_id=info['img_id'],
            height=info['height'],
            width=info['width'],
            instances=[
                dict(bbox=bbox, bbox_label=label, ignore_flag=0)
                for bbox, label in zip(
                    info['ann']['bboxes'].tolist(), info['ann']['labels'].tolist(), strict=True
                )
            ],
        )
        for info in infos
    ]


class _Watched:
    """Loads the samples of a data set, drops them, and says what its process holds for itself."""

    def __init__(self, dataset: Sized) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, indices: list[int]) -> list[tuple[int, int, int]]:
        """One tuple for a batch: process, its own bytes after the first sample and the last."""
        self.dataset[indices[0]]
        before = own_memory(os.getpid())
        for i in indices[1:]:
            self.dataset[i]
        return [(os.getpid(), before, own_memory(os.getpid()))]


def _first(reports: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    return reports[0]


def _black_image(results: dict) -> dict:
    return dict(results, img=np.zeros((8, 8, 3), np.uint8))


def _pickled(dataset: Sized) -> float:
    return len(pickle.dumps(dataset)) / 1e6
