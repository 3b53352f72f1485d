"""How long the training of a config takes on this machine, measured by a step of it."""

from __future__ import annotations

import copy
import math
import time

from mmengine.config import Config

from mmlite.datasets.loader import SeededIndex
from mmlite.engine.parts import Parts
from mmlite.engine.prepare_model import for_one_process
from mmlite.parallel import MMDataParallel, collate
from mmlite.parallel.model_wrapper import parse_losses
from mmlite.support.words import counted

_PER_MINUTE, _PER_HOUR = 60, 3600


def training_time(cfg: Config, epochs: int) -> str:
    """Says how long these epochs take, from the second of two steps of the config's own batch.

    Loading and evaluation are not counted: they are a small part of a training on a CPU.
    """
    parts = Parts(cfg)
    dataset = parts.train_set
    images = min(cfg.train_dataloader.batch_size, len(dataset))
    batch = dataset.__getitems__([SeededIndex(i, i) for i in range(images)])
    model = for_one_process(parts.detector.train())
    seconds = [_step_seconds(model, collate(copy.deepcopy(batch))) for _ in range(2)][-1]
    steps = epochs * math.ceil(len(dataset) / images)
    return f'{in_words(seconds * steps)} on this machine: a step takes {seconds:.2g} s'


def _step_seconds(model: MMDataParallel, batch: dict) -> float:
    started = time.monotonic()
    total, _ = parse_losses(model(**batch, return_loss=True))
    total.backward()
    total.item()  # waits for a GPU
    return time.monotonic() - started


def in_words(seconds: float) -> str:
    """Returns a duration in minutes, from two hours on in hours."""
    if seconds >= 2 * _PER_HOUR:
        return f'about {seconds / _PER_HOUR:.0f} hours'
    return f'about {counted(max(1, round(seconds / _PER_MINUTE)), "minute")}'
