"""MMDistributedDataParallel: a detector on one of several processes, one device each."""

# no `from __future__ import annotations`: register_comm_hook reads those of the hook
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from mmlite.parallel.model_wrapper import ModelWrapper
from mmlite.parallel.scatter import scatter
from mmlite.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class MMDistributedDataParallel(ModelWrapper, DistributedDataParallel):
    """DistributedDataParallel, arguments included, that scatters its batch and has the steps.

    The module is on its device already, as DistributedDataParallel wants it.
    """

    def forward(self, *args: Any, **batch: Any) -> Any:
        """Scatters the batch and runs the module; the backward pass averages gradients."""
        args, batch = scatter((args, batch), self.device)
        return super().forward(*args, **batch)

    def val_step(self, data: dict) -> list[dict[str, Any]]:
        """Detects in one batch, see `ModelWrapper.val_step`.

        The bare module runs: DDP's forward would wait for the other processes to broadcast
        buffers, and they may have fewer batches.
        """
        return self.module(**scatter(data, self.device), return_loss=False, rescale=True)


def average_in_rank_order(
    state: None, bucket: distributed.GradBucket
) -> torch.futures.Future[Tensor]:
    """Averages gradients so that equal gradients give equal bits, for `register_comm_hook`.

    The usual all-reduce adds up a number of three or more processes in an order that depends on its
    place in the bucket, and the buckets are laid out again after the first iteration of a process:
    a resumed run would differ in the last bit. This one takes as many times the traffic as there
    are processes.
    """
    gradients = bucket.buffer()
    parts = [torch.empty_like(gradients) for _ in range(distributed.get_world_size())]
    gathered = distributed.all_gather(parts, gradients, async_op=True).get_future()

    def average(_: torch.futures.Future) -> Tensor:
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total / len(parts)

    return gathered.then(average)
