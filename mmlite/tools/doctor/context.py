"""What the checks look at: the parts of a config, each built when it is first asked for."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config
from torch import nn

from mmlite.checkpoints.loading import load_checkpoint
from mmlite.datasets import build_dataset
from mmlite.datasets.loader import SeededIndex
from mmlite.datasets.usable import refuse_without_objects
from mmlite.engine.checks import check_config
from mmlite.engine.process.random_state import seed_generators
from mmlite.engine.vis_backends import check_vis_backends
from mmlite.errors import ConfigError, DataError
from mmlite.models import build_detector
from mmlite.models.matching_parts import check_parts_fit
from mmlite.parallel import collate
from mmlite.support.arrays import evenly_spread

FEW = 8  # images that are run through the network, and learnt by heart
MANY = 2000  # images whose annotations are looked at, unless all are


class MissingPartError(Exception):
    """A check needs a part that could not be built; another finding says why."""


def part(make: Callable[[Any], Any]) -> property:
    """A property that is made once; what could not be made is not tried again."""
    name = make.__name__

    def get(self: Context) -> Any:
        if name in self.failed:
            raise MissingPartError(f"needs '{name}', which could not be made")
        if name not in self._made:
            self.failed.append(name)
            self._made[name] = make(self)
            self.failed.remove(name)
        return self._made[name]

    return property(get, doc=make.__doc__)


@dataclass
class Context:
    """The parts of a config.

    Args:
        cfg: from `load_config`.
        fetch_weights: load pretrained weights, as a training does; else all are drawn.
        full: look at all images.
        seconds: after so many nothing long is begun.
    """

    cfg: Config
    fetch_weights: bool = True
    full: bool = False
    seconds: float = 60
    failed: list[str] = field(default_factory=list)
    step_seconds: float | None = None  # of a step on FEW images, once one was done
    started: float = field(default_factory=time.monotonic)
    _made: dict[str, Any] = field(default_factory=dict)

    def seconds_left(self) -> float:
        """Returns how much time is left; with `full` there is no end."""
        return float('inf') if self.full else self.started + self.seconds - time.monotonic()

    @part
    def checked(self) -> Config:
        """The config, once it is known to have all that a training reads."""
        check_config(self.cfg, 'train')
        check_vis_backends(self.cfg.get('visualizer'))
        return self.cfg

    @part
    def detector(self) -> nn.Module:
        """The detector, its weights undrawn."""
        detector = build_detector(self.cfg.model)
        check_parts_fit(self.cfg.model)
        return detector

    @part
    def weighted(self) -> nn.Module:
        """The detector with the weights that a training starts from."""
        seed_generators(0)
        detector = copy.deepcopy(self.detector)
        detector.init_weights()
        if self.fetch_weights and self.cfg.get('load_from'):
            load_checkpoint(detector, self.cfg.load_from)
        return detector

    @part
    def train(self) -> Any:
        """The data set of the training."""
        return self._dataset('train_dataloader')

    @part
    def trained(self) -> Any:
        """The data set of the training, once it is known to have objects."""
        refuse_without_objects(self.train, 'train_dataloader.dataset')
        return self.train

    @part
    def val(self) -> Any:
        """The data set of the validation, or where there is none of the test; None without both."""
        loader = 'val_dataloader' if self.cfg.get('val_dataloader') else 'test_dataloader'
        return self._dataset(loader) if self.cfg.get(loader) else None

    @part
    def test(self) -> Any:
        """The data set of the test; the same object as `val` where the config has one twice."""
        val, test = (self.cfg.get(f'{name}_dataloader') for name in ('val', 'test'))
        if not val or test in (None, val):
            return self.val
        return self._dataset('test_dataloader')

    def _dataset(self, loader: str) -> Any:
        if not (self.cfg.get(loader) or {}).get('dataset'):
            raise ConfigError(f"the config has no '{loader}' with a 'dataset'")
        dataset = build_dataset(self.cfg[loader].dataset, at=f'{loader}.dataset')
        if not len(dataset):
            raise DataError(f'{loader}.dataset: it has no image')
        return dataset

    @part
    def train_samples(self) -> list[dict]:
        """FEW samples of the training with at least one object, as the pipeline makes them."""
        return samples(self.trained, self.with_objects()[:FEW])

    @part
    def val_samples(self) -> list[dict]:
        """FEW samples of the validation."""
        return samples(self.val, evenly_spread(len(self.val), FEW).tolist())

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
