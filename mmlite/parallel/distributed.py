"""MMDistributedDataParallel: a detector on one of several processes, one device each."""

from __future__ import annotations

from typing import Any

from torch.nn.parallel import DistributedDataParallel

from mmlite.parallel.scatter import scatter
from mmlite.parallel.steps import Steps
from mmlite.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class MMDistributedDataParallel(Steps, DistributedDataParallel):
    """DistributedDataParallel, arguments included, that scatters its batch and has the steps.

    The module is on its device already, as DistributedDataParallel wants it.
    """

    def forward(self, *args: Any, **batch: Any) -> Any:
        """Scatters the batch and runs the module; the backward pass averages gradients."""
        args, batch = scatter((args, batch), self.device)
        return super().forward(*args, **batch)

    def val_step(self, data: dict) -> list[dict[str, Any]]:
        """Detects in one batch, see `Steps.val_step`.

        The bare module runs: DDP's forward would wait for the other processes to broadcast
        buffers, and they may have fewer batches.
        """
        return self.module(**scatter(data, self.device), return_loss=False, rescale=True)
