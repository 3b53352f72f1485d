"""Mixed precision in the half precision that the device does well, on a CPU too."""

from __future__ import annotations

import mmengine.optim
import torch
from mmengine.optim import OptimWrapper

from mmlite.errors import ConfigError
from mmlite.registry import OPTIM_WRAPPERS


def half_dtype() -> torch.dtype:
    """Returns bfloat16, which overflows no sooner than float32, where the device computes in it.

    GPUs do from compute capability 8.0 (Ampere) on; older ones have only float16. A CPU has
    bfloat16, and is fast with it if it has the instructions (AVX512-BF16, AMX).
    """
    if torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0):
        return torch.float16
    return torch.bfloat16


def use_half_dtype() -> None:
    """Makes it what autocast takes on a GPU where nothing is said, as in mmengine's test loops."""
    if torch.cuda.is_available():
        torch.set_autocast_gpu_dtype(half_dtype())


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(mmengine.optim.AmpOptimWrapper):
    """mmengine's AmpOptimWrapper that chooses its precision, and runs on a CPU.

    The model's forward pass is in half precision; losses, targets, gradients and weights are not.

    Args:
        optimizer, accumulative_counts, clip_grad: as OptimWrapper.
        loss_scale: 'dynamic', a float or a dict for torch's GradScaler. Only float16 has a use for
            it, whose small gradients would become 0.
        dtype: 'float16' or 'bfloat16'; left out, the device's own choice, see `half_dtype`.

    Raises:
        ConfigError: another dtype than bfloat16 on a CPU.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        loss_scale: str | float | dict = 'dynamic',
        dtype: str | None = None,
        accumulative_counts: int = 1,
        clip_grad: dict | None = None,
    ) -> None:
        given = dict(
            optimizer=optimizer, accumulative_counts=accumulative_counts, clip_grad=clip_grad
        )
        dtype = dtype or str(half_dtype()).removeprefix('torch.')
        if torch.cuda.is_available() and dtype == 'float16':
            super().__init__(loss_scale, dtype, **given)
            return
        if dtype != 'bfloat16':
            raise ConfigError(
                f"optim_wrapper.dtype: a CPU supports only 'bfloat16', found {dtype!r}"
            )
        OptimWrapper.__init__(self, **given)  # mmengine's own asserts that there is a GPU
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self._scale_update_param = None
        self.loss_scaler = torch.amp.GradScaler(device, enabled=False)
        self.cast_dtype = torch.bfloat16
