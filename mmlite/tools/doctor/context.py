"""What the checks look at: the parts of a config, each built when it is first asked for."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from torch import nn

from mmlite.checkpoints.loading import load_checkpoint
from mmlite.datasets.loader import SeededIndex
from mmlite.datasets.usable import refuse_without_objects
from mmlite.engine.parts import Parts, part
from mmlite.engine.process.random_state import seed_generators
from mmlite.errors import DataError
from mmlite.parallel import collate
from mmlite.support.arrays import evenly_spread

FEW = 8  # images that are run through the network at once, and learnt by heart
BATCHES = 8  # of FEW images each, at most, that a claim about the whole network is made from
MANY = 2000  # images whose annotations are looked at, unless all are


class Context(Parts):
    """The parts of a config for a training, and samples of its data.

    Args:
        cfg: from `load_config`.
        fetch_weights: load pretrained weights, as a training does; else all are drawn.
        full: look at all images.
        seconds: after this time no long work is started.
    """

    def __init__(
        self, cfg: Config, fetch_weights: bool = True, full: bool = False, seconds: float = 60
    ) -> None:
        super().__init__(cfg, 'train')
        self.fetch_weights = fetch_weights
        self.full = full
        self.seconds = seconds
        self.step_seconds: float | None = None  # of a step on FEW images, once one was done
        self.started = time.monotonic()

    def seconds_left(self) -> float:
        """Returns how much time is left; with `full` there is no end."""
        return float('inf') if self.full else self.started + self.seconds - time.monotonic()

    @part
    def weighted(self) -> nn.Module:
        """The detector with the weights that a training starts from."""
        seed_generators(0)
        detector = copy.deepcopy(self.checked_detector)
        detector.init_weights()
        if self.fetch_weights and self.cfg.get('load_from'):
            load_checkpoint(detector, self.cfg.load_from)
        return detector

    @part
    def train(self) -> Any:
        """The data set of the training."""
        return _with_images(self.train_set, 'train')

    @part
    def trained(self) -> Any:
        """The data set of the training, once it is known to have objects."""
        refuse_without_objects(self.train, 'train_dataloader.dataset')
        return self.train

    @part
    def val(self) -> Any:
        """The data set of the validation, or where there is none of the test; None without both."""
        if self.cfg.get('val_dataloader'):
            return _with_images(self.val_set, 'val')
        return _with_images(self.test_set, 'test') if self.cfg.get('test_dataloader') else None

    @part
    def test(self) -> Any:
        """The data set of the test; the same object as `val` where the config has one twice."""
        val, test = (self.cfg.get(f'{name}_dataloader') for name in ('val', 'test'))
        if not val or test in (None, val):
            return self.val
        return _with_images(self.test_set, 'test')

    @part
    def train_samples(self) -> list[dict]:
        """FEW samples of the training with at least one object, as the pipeline makes them."""
        return next(self.train_sample_batches())

    @part
    def val_samples(self) -> list[dict]:
        """FEW samples of the validation."""
        return samples(self.val, evenly_spread(len(self.val), FEW).tolist())

    def train_sample_batches(self) -> Iterator[list[dict]]:
        """Yields BATCHES times FEW other samples with objects, the first ones from all over."""
        inds = self.with_objects()
        count = max(1, min(BATCHES, len(inds) // FEW))
        spread = evenly_spread(len(inds), count * FEW)
        for number in range(count):
            yield samples(self.trained, [inds[place] for place in spread[number::count]])

    def train_batch(self) -> dict:
        """Returns a fresh batch of `train_samples`: a model writes into what it is given."""
        return collate(copy.deepcopy(self.train_samples))

    def val_batch(self) -> dict:
        """Returns a fresh batch of `val_samples`."""
        return collate(copy.deepcopy(self.val_samples))

    def with_objects(self) -> list[int]:
        """Returns the images of the training that have objects."""
        dataset = self.trained
        return [i for i in range(len(dataset)) if len(dataset.get_ann_info(i)['labels'])]

    def looked_at(self, dataset: Any) -> list[int]:
        """Returns the images whose annotations are looked at."""
        return evenly_spread(len(dataset), len(dataset) if self.full else MANY).tolist()


def samples(dataset: Any, inds: list[int]) -> list[dict]:
    """Returns these samples through the pipeline; the same ones each time."""
    return dataset.__getitems__([SeededIndex(i, i) for i in inds])


def _with_images(dataset: Any, stage: str) -> Any:
    if not len(dataset):
        raise DataError(f'{stage}_dataloader.dataset: it has no image')
    return dataset
