"""MMDataParallel: a detector on the CPU, on one GPU or on several GPUs of one process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from mmlite.parallel.model_wrapper import ModelWrapper, check_losses
from mmlite.parallel.scatter import Device, as_device, scatter
from mmlite.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class MMDataParallel(ModelWrapper, nn.DataParallel):
    """Moves the detector to its device once and every batch as it comes.

    Args:
        module: the detector: `forward(img, img_metas, ..., return_loss)` returns a dict of scalar
            losses or a list with one dict per image.
        device_ids: numbers of GPUs, [0] if None; [] or [-1] is the CPU, as is a machine
            without a GPU. Names ('cuda:1', 'mps') work too.
        output_device: where the results of several GPUs are gathered; the first of them if None.

    Raises:
        ValueError: several devices of which the first is no GPU.
    """

    def __init__(
        self,
        module: nn.Module,
        device_ids: Sequence[Device] | None = None,
        output_device: Device | None = None,
    ) -> None:
        devices = choose_devices(device_ids)
        if devices[0].type == 'cuda':
            super().__init__(module, devices, output_device)
        else:  # nn.DataParallel's own constructor would take a GPU where there is one
            nn.Module.__init__(self)
            self.module = module
            self.device_ids = []
        self.devices = devices
        self.output_device = devices[0] if output_device is None else as_device(output_device)
        self.module.to(devices[0])

    def forward(self, *args: Any, **batch: Any) -> Any:
        """Scatters the batch (one that is scattered already stays as it is) and runs the module.

        On several devices each takes its part of the images; `merge_outputs` says what returns.
        """
        if len(self.devices) == 1:
            args, batch = scatter((args, batch), self.devices[0])
            return self.module(*args, **batch)
        parts = scatter({**dict(enumerate(args)), **batch}, self.devices)
        inputs = [tuple(part.pop(i) for i in range(len(args))) for part in parts]
        replicas = self.replicate(self.module, self.device_ids[: len(parts)])
        return merge_outputs(self.parallel_apply(replicas, inputs, parts), self.output_device)


def choose_devices(device_ids: Sequence[Device] | None) -> list[torch.device]:
    """Returns the devices that `device_ids` mean on this machine: the CPU if it has no GPU.

    Raises:
        ValueError: several devices that are not all GPUs.
    """
    devices = [as_device(device) for device in ([0] if device_ids is None else device_ids)]
    if not devices or (devices[0].type == 'cuda' and not torch.cuda.is_available()):
        return [torch.device('cpu')]
    if len(devices) > 1 and devices[0].type != 'cuda':
        raise ValueError(f'MMDataParallel: several devices must be GPUs, found {devices}')
    return devices


def merge_outputs(outputs: Sequence[dict | list], device: torch.device) -> dict | list:
    """Joins what the replicas returned, in the order of the images.

    Args:
        outputs: of each replica a dict of scalar losses, or a list with one result per image.
        device: where the result lies.

    Returns:
        The mean of each loss, all replicas weighing the same; or one list of all results.

    Raises:
        TypeError: an output is neither, or replicas return different losses.
    """
    if all(isinstance(output, list) for output in outputs):
        return [result for output in outputs for result in scatter(output, device)]
    for output in outputs:
        check_losses(output)
        if output.keys() != outputs[0].keys():
            raise TypeError(
                f'the replicas return different losses: {list(outputs[0])} and {list(output)}'
            )
    return {
        key: torch.stack([output[key].to(device) for output in outputs]).mean()
        for key in outputs[0]
    }
