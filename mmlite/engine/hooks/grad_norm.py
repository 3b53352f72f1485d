"""How large the gradients of each part of the detector are."""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from mmlite.engine.hooks.arguments import DataBatch
from mmlite.registry import HOOKS


@HOOKS.register_module()
class GradNormHook(Hook):
    """Logs the L2 norms of the gradients: `grad_norm/backbone`, ..., and `grad_norm/all`.

    They are those of a step of the optimiser, so of all accumulated iterations and of all
    processes, before clipping and without the scale of mixed precision; a step that the scaler
    refuses, for gradients that overflowed, is left out. As for losses, a log line has the mean
    over the log processor's window.

    Args:
        interval: iterations between two measurements; where gradients are accumulated the next
            step is measured.
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self._is_due = False

    def before_train(self, runner: Runner) -> None:
        names = [name for name, p in runner.model.module.named_parameters() if p.requires_grad]
        parts = dict.fromkeys([*map(_part, names), 'all'])
        # mmengine's window counts values, and here one stands for `interval` iterations
        processor = runner.log_processor
        shown = dict(method_name='mean', window_size=max(1, processor.window_size // self.interval))
        processor.custom_cfg = [
            *(dict(data_src=f'grad_norm/{part}', **shown) for part in parts),
            *processor.custom_cfg,  # the user's come last and win
        ]

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None
    ) -> None:
        self._is_due = self._is_due or self.every_n_train_iters(runner, self.interval)

    def after_backward(self, runner: Runner, batch_idx: int, data_batch: DataBatch = None) -> None:
        if not self._is_due or not runner.optim_wrapper.should_update():
            return
        self._is_due = False
        norms = grad_norms(runner.model.module)
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        is_scaled = scaler is not None and scaler.is_enabled()
        if math.isfinite(norms['all']) or not is_scaled:
            for part, norm in norms.items():
                runner.message_hub.update_scalar(f'train/grad_norm/{part}', norm)


def grad_norms(model: nn.Module) -> dict[str, float]:
    """Returns the L2 norm of the gradients of each child of a model, and of 'all'.

    Args:
        model: after a backward pass; parameters without a gradient do not count.
    """
    by_part: dict[str, list[Tensor]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            norm = torch.linalg.vector_norm(parameter.grad, dtype=torch.float32)
            by_part[_part(name)].append(norm)
    norms = {part: torch.stack(each).norm() for part, each in by_part.items()}
    norms['all'] = torch.stack(list(norms.values())).norm()
    values = torch.stack(list(norms.values()))
    return dict(zip(norms, values.tolist(), strict=True))  # one copy from the device


def _part(parameter_name: str) -> str:
    return parameter_name.split('.')[0]
