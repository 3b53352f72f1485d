"""What a training counts, epochs or iterations: its loop decides, and all others ask here.

An epoch is one pass through the training data, also where the loop counts iterations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from mmlite.datasets.loader import batches_of_pass
from mmlite.engine.checks import typed_loop
from mmlite.registry import LOOPS


def counts_epochs(runner: Runner) -> bool:
    """Whether the training counts epochs; True for a Runner that does not train.

    Files, pictures and the metrics in the log carry the number of the epoch then, and else that of
    the iteration.
    """
    loop = getattr(runner, '_train_loop', None)
    if isinstance(loop, Mapping):
        return loop_counts_epochs(loop)
    return not isinstance(loop, IterBasedTrainLoop)


def loop_counts_epochs(train_cfg: Mapping[str, Any]) -> bool:
    """The same for the `train_cfg` of a config."""
    kind = LOOPS.find(typed_loop(train_cfg, 'train')['type'], 'train_cfg')
    return not (isinstance(kind, type) and issubclass(kind, IterBasedTrainLoop))


def iterations_per_epoch(dataloader: DataLoader) -> int:
    """Returns how many batches of this process are one pass through the training data."""
    if isinstance(dataloader.batch_sampler.sampler, InfiniteSampler):
        return batches_of_pass(dataloader.batch_sampler)
    return len(dataloader)
