"""A hook of your own, in a package of its own: a training that ends before its time is up.

A cluster kills what runs longer than it said. This ends after the last epoch that fits, with its
checkpoint and its validation done; `--resume` goes on from there in the next job.
"""

import time

import torch
from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.registry import HOOKS


@HOOKS.register_module()
class TimeBudgetHook(Hook):
    """Stops a training whose next epoch, as long as those before, would end too late.

    It reads the clock after an epoch, so it is for loops that count epochs, with a checkpoint
    after each (`default_hooks.checkpoint.interval=1`, as in mmlite's configs).

    Args:
        hours: from the start of the first epoch of this run.
    """

    def __init__(self, hours: float) -> None:
        self.seconds = hours * 3600
        self.start = 0.0
        self.epochs = 0

    def before_train(self, runner: Runner) -> None:
        self.start = time.monotonic()
        self.epochs = 0

    def after_train_epoch(self, runner: Runner) -> None:
        self.epochs += 1
        spent = torch.tensor(time.monotonic() - self.start)
        broadcast(spent)  # the clocks of processes differ a little: that of the first one counts
        if spent * (self.epochs + 1) / self.epochs > self.seconds:
            runner.train_loop.stop_training = True
            runner.logger.info(
                f'TimeBudgetHook: {self.epochs} epochs took {spent / 60:.1f} min, and another one '
                f'may end after the {self.seconds / 60:.1f} min there are: the training stops'
            )
