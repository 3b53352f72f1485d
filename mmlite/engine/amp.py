"""Mixed precision on a CPU too, where mmengine's wrapper wants a GPU."""

from __future__ import annotations

import mmengine.optim
import torch
from mmengine.optim import OptimWrapper

from mmlite.errors import ConfigError
from mmlite.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(mmengine.optim.AmpOptimWrapper):
    """mmengine's AmpOptimWrapper; on a CPU bfloat16, which needs no scaling of the loss.

    Args:
        optimizer, accumulative_counts, clip_grad: as OptimWrapper.
        loss_scale: 'dynamic', a float or a dict for torch's GradScaler; a CPU has no use for it.
        dtype: 'float16' or 'bfloat16'; left out, the device's own choice.

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
        if torch.cuda.is_available():
            super().__init__(loss_scale, dtype, **given)
            return
        if dtype not in (None, 'bfloat16'):
            raise ConfigError(f"optim_wrapper.dtype: a CPU knows 'bfloat16' alone, found {dtype!r}")
        OptimWrapper.__init__(self, **given)
        self._scale_update_param = None
        self.loss_scaler = torch.amp.GradScaler('cpu', enabled=False)
        self.cast_dtype = torch.bfloat16
