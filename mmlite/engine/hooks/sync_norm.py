"""Batch norms of several processes: one statistic before a validation."""

from __future__ import annotations

from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _NormBase

from mmlite.registry import HOOKS


@HOOKS.register_module()
class SyncNormHook(Hook):
    """Averages the running mean and variance of batch norms over processes before a validation.

    YOLOX's recipe. Without it a validation has those of the first process (`SameBuffersHook`). The
    training goes on with the average. One process has nothing to average.
    """

    priority = 'ABOVE_NORMAL'  # before EMAHook puts its average in place

    def before_val_epoch(self, runner: Runner) -> None:
        if get_world_size() == 1:
            return
        for module in runner.model.modules():
            if isinstance(module, _NormBase) and module.running_mean is not None:
                for statistic in (module.running_mean, module.running_var):
                    all_reduce(statistic, op='mean')
