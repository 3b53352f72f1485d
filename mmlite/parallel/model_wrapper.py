"""What mmengine's loops call on a wrapped model: train_step, val_step and test_step."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from mmengine import dist
from torch import Tensor

if TYPE_CHECKING:  # mmengine.optim takes a second to import
    from mmengine.optim import OptimWrapper


class ModelWrapper:
    """The three steps, for a wrapper whose call scatters its batch and runs the detector."""

    def train_step(self, data: dict, optim_wrapper: OptimWrapper | None) -> dict[str, Tensor]:
        """Computes the losses of one batch and updates the parameters.

        The wrapper itself is called, not its module: that is where gradients are averaged (DDP)
        and replicas made (DataParallel).

        Args:
            data: what `collate` returns.
            optim_wrapper: gets the total loss; None to compute the losses and stop there.

        Returns:
            The values to log: each loss and their total as 'loss', scalars without gradient.

        Raises:
            TypeError: the detector returned something else than a dict of scalar tensors.
        """
        with nullcontext() if optim_wrapper is None else optim_wrapper.optim_context(self):
            losses = self(**data, return_loss=True)
        total, log_vars = parse_losses(losses)
        if optim_wrapper is not None:
            optim_wrapper.update_params(total)
        return log_vars

    def val_step(self, data: dict) -> list[dict[str, Any]]:
        """Detects in one batch.

        Args:
            data: what `collate` returns.

        Returns:
            For each image a dict: bboxes (n, 4) xyxy in original pixels, scores (n,), labels (n,)
            in 1..C.
        """
        return self(**data, return_loss=False, rescale=True)

    def test_step(self, data: dict) -> list[dict[str, Any]]:
        """Does the same as `val_step`."""
        return self.val_step(data)


def parse_losses(losses: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Returns the sum of all losses, to be differentiated, and the values to log.

    Args:
        losses: scalar tensors by name; every one counts, whatever its name is.

    Returns:
        The total of this process, and a dict with it as 'loss' and each loss under its name,
        without gradient and averaged over processes.

    Raises:
        TypeError: `losses` is no dict of scalar tensors; names the key.
    """
    check_losses(losses)
    total = torch.stack(list(losses.values())).sum()
    names = ['loss', *(name for name in losses if name != 'loss')]
    values = torch.stack([total, *(losses[name] for name in names[1:])]).detach()
    dist.all_reduce(values, op='mean')  # one for all values: each call waits for every process
    return total, dict(zip(names, values, strict=True))


def check_losses(losses: Any) -> None:
    """Raises TypeError unless `losses` is a dict of at least one scalar tensor."""
    if not isinstance(losses, dict) or not losses:
        raise TypeError(
            'the detector returns a dict of losses when return_loss=True, found '
            f'{losses!r:.60} ({type(losses).__name__})'
        )
    for key, value in losses.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"loss '{key}': a scalar tensor is expected, found {value!r:.60}")
        if value.dim() > 0:
            raise TypeError(
                f"loss '{key}': a scalar tensor is expected, found shape {tuple(value.shape)}; "
                'reduce it, with .mean() for instance'
            )
