"""Validation by several processes: all of them must have the same model."""

from __future__ import annotations

from mmengine.dist import broadcast, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.registry import HOOKS


@HOOKS.register_module()
class SameBuffersHook(Hook):
    """Sends the first process's buffers to the others before a validation.

    Each process keeps batch norm's statistics of its own images; the checkpoint holds those of
    the first, and testing it is to give what validation gave.
    """

    priority = 'LOW'  # after EMAHook has put its average in place

    def before_val_epoch(self, runner: Runner) -> None:
        if get_world_size() > 1:
            for buffer in runner.model.buffers():
                broadcast(buffer.data)
