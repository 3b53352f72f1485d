"""What a step of a training starts from, kept until the step is known to be in order."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.runner import Runner
from torch import Tensor, nn

from mmlite.engine.process.random_state import random_state
from mmlite.errors import ConfigError
from mmlite.parallel import unwrapped


@dataclass
class Step:
    """What one step of a training starts from, and what was found in it.

    Args:
        epoch, iteration: the first is 1.
        batch: what `collate` returned.
        img_metas: per image, as they were before the preprocessor wrote into them.
        random: the state of the random number generators.
        buffers: copies of the model's buffers by name; the forward pass changes batch norm's.
        amp_dtype: 'bfloat16' and the like where the forward pass ran under autocast.
        losses: by name, of this process.
        grad_figures: by parameter, in the model's order: the norm of its gradient on a CPU, its
            largest value on a GPU; empty before the backward pass.
        nonfinite_grads: the parameters whose gradients are not finite.
    """

    epoch: int
    iteration: int
    batch: dict[str, Any]
    img_metas: list[dict]
    random: dict[str, Any]
    buffers: dict[str, Tensor]
    amp_dtype: str | None = None
    losses: dict[str, float] = field(default_factory=dict)
    grad_figures: dict[str, float] = field(default_factory=dict)
    nonfinite_grads: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """The images of the batch."""
        return [meta.get('filename', '?') for meta in self.img_metas]

    @property
    def nonfinite_boxes(self) -> list[str]:
        """The boxes to be found that are NaN or infinite, as 'a.jpg box 2'.

        No prior meets a NaN, so that the losses stay finite and the object is lost silently.
        """
        boxes = [self.of_image('gt_bboxes', i) for i in range(len(self.img_metas))]
        return [
            f'{file} box {j}'
            for file, bboxes in zip(self.files, boxes, strict=True)
            if isinstance(bboxes, Tensor) and not bboxes.isfinite().all()
            for j in (~bboxes.isfinite()).any(dim=1).nonzero()[:, 0].tolist()
        ]

    def of_image(self, key: str, i: int) -> Any:
        """Returns the value of image i in the batch, None if the batch has none of that key."""
        values = unwrapped(self.batch.get(key))
        return None if values is None else values[i]

    def put_buffers_back(self, model: nn.Module) -> None:
        """Undoes what forward passes have done to the model's buffers."""
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                if name in self.buffers:
                    buffer.copy_(self.buffers[name])


def begin_step(runner: Runner, data_batch: Mapping[str, Any]) -> Step:
    """Notes what the coming step starts from; cheap, and no device waits for it.

    The batch itself is not copied: scatter's cast copies the images, and nobody writes into boxes.

    Raises:
        ConfigError: the pipeline does not pack what it loads.
    """
    if 'img' not in data_batch or 'img_metas' not in data_batch:
        raise ConfigError(
            "train_dataloader.dataset.pipeline: it must end in dict(type='PackDetInputs'): a batch "
            f"has {', '.join(data_batch)}, and no 'img' and 'img_metas'"
        )
    return Step(
        epoch=runner.epoch + 1,
        iteration=runner.iter + 1,
        batch=dict(data_batch),
        img_metas=[dict(meta) for meta in unwrapped(data_batch['img_metas'])],
        random=random_state(),
        buffers=_copies(dict(runner.model.module.named_buffers())),
    )


def _copies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    copies = {name: torch.empty_like(tensor) for name, tensor in tensors.items()}
    if copies:
        torch._foreach_copy_(list(copies.values()), list(tensors.values()))  # one launch on a GPU
    return copies


def amp_dtype(device: torch.device) -> str | None:
    """Returns the name of autocast's dtype where it is on, else None."""
    if not torch.is_autocast_enabled(device.type):
        return None
    return str(torch.get_autocast_dtype(device.type)).removeprefix('torch.')


def autocast(device: torch.device, dtype: str | None) -> AbstractContextManager:
    """Returns the context that `amp_dtype` was asked in."""
    dtype = None if dtype is None else getattr(torch, dtype)
    return torch.autocast(device.type, dtype, enabled=dtype is not None)
