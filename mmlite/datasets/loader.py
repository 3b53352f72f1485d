"""Data sets and loaders from configs; every sample's randomness from (seed, epoch, position).

So the number of workers never changes a result: the batch sampler sends a seed along with each
index, and the data set draws that sample's random numbers from it.
"""

from __future__ import annotations

import contextlib
import math
import random
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_dist_info, get_world_size, sync_random_seed
from torch.utils.data import BatchSampler, DataLoader

from mmlite.config.keys import check_dict, defaults_of
from mmlite.config.schema import LOADER, WORKER_OPTIONS
from mmlite.datasets.place import Place, SeededIndex, at_place
from mmlite.datasets.usable import refuse_without_batches, refuse_without_objects
from mmlite.datasets.workers import ShareBatch, Workers, init_worker
from mmlite.errors import ConfigError
from mmlite.parallel import collate
from mmlite.registry import DATA_SAMPLERS, DATASETS


class SeededBatch(list):
    """The SeededIndexes of a batch.

    Args:
        indices: of its samples.
        epoch: which pass through the data it belongs to, from 0.
        before: the indices of the samples before it in this process and epoch, the oldest first.
    """

    def __init__(
        self,
        indices: Iterable[SeededIndex] = (),
        epoch: int = 0,
        before: Sequence[SeededIndex] = (),
    ) -> None:
        super().__init__(indices)
        self.epoch = epoch
        self.before = list(before)


class SeededBatchSampler:
    """Hands on the batches of a batch sampler as SeededBatches.

    A position is counted over all processes (`DefaultSampler` deals samples out in turn), so no
    two processes share a seed. `sampler` is public: mmengine's DistSamplerSeedHook calls
    `dataloader.batch_sampler.sampler.set_epoch`.

    Args:
        batch_sampler: of the indices.
        seed: of the run.
        dataset: its `lookback`, if it has one, says how many indices before a batch go with it.
    """

    def __init__(self, batch_sampler: BatchSampler, seed: int, dataset: Any = None) -> None:
        self.batch_sampler = batch_sampler
        self.sampler = batch_sampler.sampler
        self.dataset = dataset
        self.batch_size = batch_sampler.batch_size
        self.seed = seed
        self.rank, self.world_size = get_dist_info()
        self.skipped = 0

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[SeededBatch]:
        epoch = getattr(self.sampler, 'epoch', 0)  # an InfiniteSampler has one endless epoch
        passes = isinstance(self.sampler, InfiniteSampler)
        skipped, self.skipped = self.skipped, 0
        lookback = getattr(self.dataset, 'lookback', 0)
        before: deque[SeededIndex] = deque(maxlen=lookback)
        position = self.rank
        for number, batch in enumerate(self.batch_sampler):
            places = range(position, position + len(batch) * self.world_size, self.world_size)
            position = places.stop
            if number < skipped - lookback:  # nobody looks at these
                continue
            indices = [
                SeededIndex(index, derive_seed(self.seed, epoch, place))
                for index, place in zip(batch, places, strict=True)
            ]
            if number >= skipped:
                done = number // batches_of_pass(self.batch_sampler) if passes else 0
                yield SeededBatch(indices, epoch + done, before)
            before.extend(indices)


def batches_of_pass(batch_sampler: BatchSampler) -> int:
    """Returns how many batches of this process are a pass of an InfiniteSampler through the data.

    Its length is that of the data, of all processes.
    """
    images = batch_sampler.batch_size * get_world_size()
    return math.ceil(len(batch_sampler.sampler) / images)


class SeededDataset:
    """Mixin: `__getitems__`, which DataLoader calls for a batch, uses the seeds of indices."""

    def __getitems__(self, indices: list[int]) -> list[Any]:
        if not all(isinstance(index, SeededIndex) for index in indices):
            return [self[int(index)] for index in indices]
        self.use_epoch(getattr(indices, 'epoch', 0))
        positions, samples = [*getattr(indices, 'before', ())], []
        with kept_random_state():  # of a whole batch: to keep it takes ten times as long as to seed
            for index in indices:
                positions.append(index)
                seed_sample(index.seed)
                with at_place(Place(self, positions)):
                    samples.append(self[int(index)])
        return samples

    def use_epoch(self, epoch: int) -> None:
        """Takes the pipeline of an epoch, where it changes in the middle of a training."""


class ReleasableLoader(DataLoader):
    """A DataLoader whose workers can be ended, also while an error holds on to its iterator.

    Args: torch's, and
        at: its place in the config, for messages.
    """

    _running: weakref.ref | None = None

    def __init__(self, *args: Any, at: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.at = at

    def _get_iterator(self) -> Any:
        if self.num_workers == 0:
            return super()._get_iterator()
        self.check_worker_number_rationality()
        return Workers(self)

    def __iter__(self) -> Iterator[Any]:
        iterator = super().__iter__()
        self._running = weakref.ref(iterator)
        return iterator

    def end_workers(self) -> None:
        """Ends the worker processes of the last iteration, if there are any left."""
        iterator = self._running and self._running()
        if hasattr(iterator, '_shutdown_workers'):  # the only way there is in torch
            iterator._shutdown_workers()
        self._iterator = None  # of persistent workers: the next iteration starts new ones


def derive_seed(*numbers: int) -> int:
    """Returns a 32-bit seed; seeds of neighbouring numbers have nothing in common."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def seed_sample(seed: int) -> None:
    """Seeds random, numpy and torch (CPU)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the GPUs as well


@contextlib.contextmanager
def kept_random_state() -> Iterator[None]:
    """Puts the state of random, numpy and torch (CPU) back at the end.

    With num_workers=0 samples are made between the steps of the model: what the model draws
    (dropout) must not depend on what they drew.
    """
    states = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.default_generator.set_state(states[2])


def skip_batches(dataloader: DataLoader, number: int) -> None:
    """Leaves out the first batches when `dataloader` is iterated the next time; loads none of them.

    Raises:
        ConfigError: it was not made by `build_dataloader`.
    """
    if number == 0:
        return
    if not isinstance(dataloader.batch_sampler, SeededBatchSampler):
        raise ConfigError(
            f'a training cannot go on after {number} batches of a {type(dataloader).__name__} of '
            'your own: hand the Runner a dict for build_dataloader, or resume at an epoch'
        )
    dataloader.batch_sampler.skipped = number


def build_dataset(cfg: dict, at: str = 'dataset') -> Any:
    """Builds a data set from its config dict; `at` is the dict's place in the config."""
    return DATASETS.build(cfg, at=at)


def build_dataloader(
    cfg: dict, seed: int | None = None, at: str = 'train_dataloader', debug: bool = False
) -> DataLoader:
    """Builds a DataLoader from a dict in mmengine's spelling.

    Args:
        cfg: the keys of LOADER in `mmlite.config.schema`; `dataset` and `sampler`, dicts or
            objects, must be there. It is not changed.
        seed: of the order and of each sample's randomness; None draws one for all processes.
        at: the dict's place in the config, for messages.
        debug: loads in this process, so that a debugger stops in the pipeline.

    Raises:
        ConfigError: a key is unknown or missing, or a value cannot be used.
        DataError: there is not a single batch; or in training not a single object.
    """
    given = {key: value for key, value in cfg.items() if key != '_scope_'}
    cfg = {**defaults_of(LOADER), 'batch_sampler': None, 'collate_fn': collate, **given}
    _check_loader(cfg, at)
    seed = sync_random_seed() if seed is None else seed
    num_workers = 0 if debug else cfg['num_workers']
    dataset = cfg['dataset']
    if isinstance(dataset, dict):
        dataset = build_dataset(dataset, f'{at}.dataset')
    batch_sampler = _build_batch_sampler(cfg, dataset, seed, at)
    refuse_without_batches(batch_sampler, dataset, cfg, at)
    if at == 'train_dataloader':
        refuse_without_objects(dataset, f'{at}.dataset')
    # without workers torch refuses the options of workers, which mmdet's configs set anyway
    worker_options = {key: cfg[key] for key in WORKER_OPTIONS if key in cfg and num_workers}
    return ReleasableLoader(
        dataset,
        batch_sampler=SeededBatchSampler(batch_sampler, seed, dataset),
        num_workers=num_workers,
        collate_fn=ShareBatch(cfg['collate_fn']) if num_workers else cfg['collate_fn'],
        pin_memory=cfg['pin_memory'] and torch.cuda.is_available(),
        worker_init_fn=init_worker,
        # a generator of its own: the loader then draws nothing from the global one
        generator=torch.Generator().manual_seed(seed),
        at=at,
        **worker_options,
    )


def _build_batch_sampler(cfg: dict, dataset: Any, seed: int, at: str) -> BatchSampler:
    sampler = cfg['sampler']
    if isinstance(sampler, dict):
        defaults = dict(dataset=dataset, seed=seed)
        sampler = DATA_SAMPLERS.build(sampler, defaults, at=f'{at}.sampler')
    if cfg['batch_sampler'] is None:
        return BatchSampler(sampler, cfg['batch_size'], cfg['drop_last'])
    defaults = dict(sampler=sampler, batch_size=cfg['batch_size'])
    if cfg['drop_last']:
        defaults['drop_last'] = True
    return DATA_SAMPLERS.build(cfg['batch_sampler'], defaults, at=f'{at}.batch_sampler')


def _check_loader(cfg: dict, at: str) -> None:
    check_dict(cfg, LOADER, at)
    for key in ('dataset', 'sampler'):
        if cfg.get(key) is None:
            raise ConfigError(f"{at}: the key '{key}' is missing.")
    if not callable(cfg['collate_fn']):
        raise ConfigError(
            f'{at}.collate_fn: a function is expected, found {cfg["collate_fn"]!r}. Leave the key '
            'out for mmlite.parallel.collate, which stacks and pads images.'
        )
