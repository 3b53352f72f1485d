"""mmengine's two training loops, which can go on in the middle of an epoch as if never stopped.

The position of a run is four numbers: the epoch, the iteration, how many batches of the epoch are
done, and at which iteration the last validation ended. A checkpoint holds them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import mmengine.runner
from mmengine.dataset import InfiniteSampler
from torch import nn
from torch.utils.data import DataLoader

from mmlite.datasets.loader import skip_batches
from mmlite.engine.step import begin_epoch, begin_iteration, train_step, warn_of_own_way
from mmlite.engine.units import iterations_per_epoch
from mmlite.registry import LOOPS


class _Resumable:
    """What both loops share; `runner`, `_epoch` and `_iter` are those of mmengine's loops."""

    done_in_epoch = 0  # batches of the running epoch
    last_val_iter = -1  # iterations done when the last validation ended

    def position(self, iters: int = 0, epochs: int = 0) -> dict[str, int]:
        """Returns the position of the run, for a checkpoint.

        Hooks in `after_train_iter` and `after_train_epoch` come before the loop counts: they say
        how many iterations or epochs more there are by then.
        """
        return dict(
            epoch=self._epoch + epochs,
            iter=self._iter + iters,
            done_in_epoch=0 if epochs else self.done_in_epoch + iters,
            last_val_iter=self.last_val_iter,
        )

    def resume(self, position: Mapping[str, int]) -> None:
        """Continues from what `position` returned; a file of mmengine's has the first two."""
        self._epoch = position['epoch']
        self._iter = position['iter']
        self.done_in_epoch = position.get('done_in_epoch', 0)
        self.last_val_iter = position.get('last_val_iter', self._iter)

    def _validate_if_due(self, step: int, last_step: int) -> None:
        """Validates after `step` epochs or iterations, unless that was done before a resume."""
        self._decide_current_val_interval()
        due = step >= self.val_begin and (step % self.val_interval == 0 or step == last_step)
        if self.runner.val_loop is None or not due or self.last_val_iter == self._iter:
            return
        self.runner.val_loop.run()
        self.last_val_iter = self._iter

    def _begin(self) -> None:
        """What comes before the first iteration."""
        self.runner.call_hook('before_train')
        warn_of_own_way(self.runner)

    def _begin_epoch(self) -> None:
        """What comes before the first iteration of an epoch, or of what a resume left of it."""
        begin_epoch(self.runner.model, self._epoch)
        self.runner.call_hook('before_train_epoch')
        self.runner.restore_random_state()

    def _train_on(self, data_batch: Mapping[str, Any], batch_idx: int) -> None:
        """One iteration: the step of the model, and the hooks before, in and after it."""
        call_hook = partial(self.runner.call_hook, batch_idx=batch_idx, data_batch=data_batch)
        begin_iteration(self.runner.model, self._iter, self.runner.seed)
        call_hook('before_train_iter')
        outputs = train_step(self.runner.model, data_batch, self.runner.optim_wrapper, call_hook)
        call_hook('after_train_iter', outputs=outputs)
        self._iter += 1
        self.done_in_epoch += 1


@LOOPS.register_module()
class EpochBasedTrainLoop(_Resumable, mmengine.runner.EpochBasedTrainLoop):
    """Trains for `max_epochs`; the arguments are those of mmengine's loop of this name."""

    def run(self) -> nn.Module:
        """Trains, and validates every `val_interval` epochs."""
        self._begin()
        if self.done_in_epoch == 0:
            self.runner.restore_random_state()
            if self._epoch > 0:  # the run that is resumed may have ended before this
                self._validate_if_due(self._epoch, self._max_epochs)
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._validate_if_due(self._epoch, self._max_epochs)
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Trains on the batches of the epoch that are not done yet."""
        self._begin_epoch()
        self.runner.model.train()
        skip_batches(self.dataloader, self.done_in_epoch)
        for batch_idx, data_batch in enumerate(self.dataloader, self.done_in_epoch):
            self._train_on(data_batch, batch_idx)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
        self.done_in_epoch = 0


@LOOPS.register_module()
class IterBasedTrainLoop(_Resumable, mmengine.runner.IterBasedTrainLoop):
    """Trains for `max_iters`; the arguments are those of mmengine's loop of this name.

    An epoch is one pass through the data, for hooks as for `epoch` and `max_epochs`; mmengine's
    whole training is one. A sampler that ends starts again with a new order.
    """

    def __init__(
        self,
        runner: mmengine.runner.Runner,
        dataloader: DataLoader | dict,
        max_iters: int,
        val_begin: int = 1,
        val_interval: int = 1000,
        dynamic_intervals: list[tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(runner, dataloader, max_iters, val_begin, val_interval, dynamic_intervals)
        del self.dataloader_iterator  # mmengine's begins at the first batch, whatever is done
        self._per_epoch = iterations_per_epoch(self.dataloader)
        self._max_epochs = math.ceil(self._max_iters / self._per_epoch)  # the last may be a part

    def resume(self, position: Mapping[str, int]) -> None:
        """Continues after the same number of iterations, whatever a pass through the data was."""
        super().resume(position)
        if self._iter != self._epoch * self._per_epoch + self.done_in_epoch or (
            self.done_in_epoch > self._per_epoch
        ):
            self._epoch, self.done_in_epoch = divmod(self._iter, self._per_epoch)

    def run(self) -> nn.Module:
        """Trains, and validates every `val_interval` iterations."""
        self._begin()
        if self.done_in_epoch == 0 or not self._goes_on():
            self.runner.restore_random_state()
            if self._iter > 0:  # the run that is resumed may have ended before this
                self._validate_if_due(self._iter, self._max_iters)
        batches = endless_batches(self.dataloader, self._iter)
        while self._goes_on():
            self.run_epoch(batches)
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self, batches: Iterator[Mapping[str, Any]]) -> None:
        """Trains on what is left of a pass through the data, or of `max_iters`."""
        self._begin_epoch()
        if 0 < self.done_in_epoch < self._per_epoch:
            self._validate_if_due(self._iter, self._max_iters)
        while self.done_in_epoch < self._per_epoch and self._goes_on():
            self.runner.model.train()
            self._train_on(next(batches), self._iter)
            if self.done_in_epoch < self._per_epoch:
                self._validate_if_due(self._iter, self._max_iters)
        self.runner.call_hook('after_train_epoch')
        if self.done_in_epoch == self._per_epoch:
            self._epoch += 1
            self.done_in_epoch = 0
            self._validate_if_due(self._iter, self._max_iters)

    def _goes_on(self) -> bool:
        return self._iter < self._max_iters and not self.stop_training


def endless_batches(dataloader: DataLoader, done: int) -> Iterator[Mapping[str, Any]]:
    """Yields batches, epoch after epoch, without the first `done`; these are not loaded."""
    batch_sampler = dataloader.batch_sampler
    if isinstance(batch_sampler.sampler, InfiniteSampler):
        epoch, in_epoch = 0, done
    else:
        epoch, in_epoch = divmod(done, iterations_per_epoch(dataloader))
    while True:
        if hasattr(batch_sampler.sampler, 'set_epoch'):
            batch_sampler.sampler.set_epoch(epoch)
        skip_batches(dataloader, in_epoch)
        yield from dataloader
        epoch, in_epoch = epoch + 1, 0
