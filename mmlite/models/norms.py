"""Norms by mmcv's names, exact in training on a CPU however the feature map lies in memory.

Over a channels-last map torch's kernels add up all rows one after the other in float32: of 50,000
numbers around 10 the mean is off by 3e-5 then, and the gradient of the scale by 5e-3; group norm
even takes the difference of two large sums. Here the rows are added up in many runs, and the runs
in float64. That takes no pass over the map more than torch's own batch norm does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.layer_cfg import layer_and_arguments

_CACHED = 2**15  # sums kept at once, 128 KiB in float32: more do not fit the cache of a core
_LENGTH = 128  # rows whose sum in float32 is still exact enough


# both bases by name: mmengine's initialisers look for either among the direct ones
class BatchNorm2d(nn.BatchNorm2d, nn.modules.batchnorm._BatchNorm):
    """nn.BatchNorm2d, exact on a CPU, that gets over a batch with one value in each channel.

    1x1 maps of a lone image, such as the last of an epoch, have no statistics and make torch raise:
    they are normalised by the running ones.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.numel() == x.shape[1] and self.running_mean is not None:
            scale = (self.running_mean, self.running_var, self.weight, self.bias)
            return F.batch_norm(x, *scale, training=False, eps=self.eps)
        has_one_run = x.numel() < 2 * _LENGTH * x.shape[1]  # torch's own sums are these then
        if has_one_run or not (self.training and _adds_up_in_rows(x)):
            return super().forward(x)
        with torch.no_grad():
            mean, var = _moments(_rows(x))
            self._track(mean, var, x.numel() // x.shape[1])
            mean, var = mean.to(x.dtype), var.to(x.dtype)
        return _BatchNorm.apply(x, self.weight, self.bias, mean, var, self.eps)

    def _track(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Takes the statistics of a batch into the running ones, as nn.BatchNorm2d does."""
        if not self.track_running_stats or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:
            momentum = 1 / float(self.num_batches_tracked)
        unbiased = var * (count / (count - 1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), momentum)


class GroupNorm(nn.GroupNorm):
    """nn.GroupNorm, exact in training on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and _adds_up_in_rows(x)):
            return super().forward(x)
        return _GroupNorm.apply(x, self.weight, self.bias, self.num_groups, self.eps)


class LayerNorm(nn.LayerNorm):
    """nn.LayerNorm of tokens (..., C), which says what is wrong with a map (N, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1:] != self.normalized_shape:
            raise ConfigError(
                f'norm_cfg: LN normalises the last axis, of {self.normalized_shape[0]} channels; '
                f'it gets {tuple(x.shape)}. Maps (N, C, H, W) take BN, SyncBN or GN'
            )
        return super().forward(x)


# norm_cfg type -> class, and name of the layer inside a ConvModule
_NORMS: dict[str, tuple[Callable[..., nn.Module], str]] = {
    'BN': (BatchNorm2d, 'bn'),
    'BN2d': (BatchNorm2d, 'bn'),
    'SyncBN': (nn.SyncBatchNorm, 'bn'),
    'GN': (GroupNorm, 'gn'),
    'LN': (LayerNorm, 'ln'),
    'IN': (nn.InstanceNorm2d, 'in'),
}
_CHANNELS = {GroupNorm: 'num_channels', LayerNorm: 'normalized_shape'}  # else num_features


def build_norm(norm_cfg: dict, channels: int) -> tuple[str, nn.Module]:
    """Builds a normalisation layer from `dict(type='BN'|'SyncBN'|'GN'|'LN'|'IN', ...)`.

    Other keys go to the layer's constructor, but `requires_grad`, which freezes its parameters.

    Returns:
        the layer's short name, such as 'bn', and the layer.

    Raises:
        ConfigError: another type, or an argument that the layer does not have.
    """
    args = dict(norm_cfg)
    requires_grad = args.pop('requires_grad', True)
    given = ('num_features', *_CHANNELS.values())
    (layer, name), args = layer_and_arguments(args, _NORMS, 'norm_cfg', given)
    norm = layer(**{_CHANNELS.get(layer, 'num_features'): channels}, **args)
    for parameter in norm.parameters():
        parameter.requires_grad = requires_grad
    return name, norm


_EXACT = {nn.BatchNorm2d: BatchNorm2d, nn.GroupNorm: GroupNorm}


def make_norms_exact(model: nn.Module) -> None:
    """Turns torch's own batch and group norms in a model into those of this module."""
    for module in model.modules():
        module.__class__ = _EXACT.get(type(module), module.__class__)


def without_sync(model: nn.Module) -> nn.Module:
    """Turns each SyncBN of a model into a BatchNorm2d, which runs on a CPU too."""
    for module in model.modules():
        if isinstance(module, nn.SyncBatchNorm):
            module.__class__ = BatchNorm2d
    return model


class _BatchNorm(torch.autograd.Function):
    """Batch norm by given statistics of the batch; the gradients are torch's."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, var: Tensor,
        eps: float,
    ) -> Tensor:  # fmt: skip
        ctx.eps = eps
        ctx.save_for_backward(x, weight, mean, (var + eps).rsqrt())
        return torch.ops.aten.native_batch_norm(x, weight, bias, mean, var, False, 0.0, eps)[0]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, invstd = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad[:3])
        grads = torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, None, None, mean, invstd, True, ctx.eps, wanted
        )
        return *grads, None, None, None


class _GroupNorm(torch.autograd.Function):
    """Group norm by exact statistics; the gradients are torch's."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, eps: float
    ) -> Tensor:  # fmt: skip
        by_image = [_moments(rows) for rows in _rows(x).chunk(len(x))]
        mean, var = (torch.stack(t).unflatten(1, (groups, -1)) for t in zip(*by_image, strict=True))
        mean, var = _joined(mean, var, dim=2)  # (N, groups)
        invstd = (var + eps).rsqrt()
        ctx.groups = groups
        ctx.save_for_backward(x, weight, mean.to(x.dtype), invstd.to(x.dtype))
        scale = invstd.repeat_interleave(x.shape[1] // groups, dim=1)
        shift = -mean.repeat_interleave(x.shape[1] // groups, dim=1)
        scale = scale if weight is None else scale * weight
        shift = shift * scale if bias is None else shift * scale + bias
        return torch.addcmul(*(t.to(x.dtype)[..., None, None] for t in (shift, scale)), x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, invstd = ctx.saved_tensors
        n, c, h, w = x.shape
        grad = grad.contiguous(memory_format=torch.channels_last)
        # torch subtracts the mean from the sums, which loses digits where it is large
        x = x - mean.repeat_interleave(c // ctx.groups, dim=1)[..., None, None]
        around_zero = (x, torch.zeros_like(mean), invstd, weight, n, c, h * w, ctx.groups)
        wanted = list(ctx.needs_input_grad[:3])
        grads = torch.ops.aten.native_group_norm_backward(grad, *around_zero, wanted)
        return *grads, None, None


def _adds_up_in_rows(x: Tensor) -> bool:
    """Whether torch's kernels would add up the rows of this map in float32, one by one."""
    return (
        x.device.type == 'cpu'
        and x.ndim == 4
        and x.dtype in (torch.float32, torch.float64)  # half precision is added up in another way
        and x.is_contiguous(memory_format=torch.channels_last)
        and not x.is_contiguous()
        and not torch.compiler.is_compiling()  # a compiled norm is not made of these kernels
    )


def _rows(x: Tensor) -> Tensor:
    """A channels-last map (N, C, H, W) as (N * H * W, C), without a copy."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def _moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean and biased variance of each column of `rows` (R, C), float64 (C,)."""
    count, channels = rows.shape
    runs = _num_runs(count, channels)
    # row r belongs to run r % runs: torch sees runs * C columns
    wide = rows.view(count // runs, runs * channels)
    mean, var = torch.batch_norm_update_stats(wide, None, None, 0.0)
    return _joined(mean.view(runs, channels), var.view(runs, channels), dim=0)


def _joined(mean: Tensor, var: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Moments of equally large parts, along `dim`, to those of the whole, in float64."""
    mean = mean.double()
    whole = mean.mean(dim, keepdim=True)
    between = (mean - whole).square_().mean(dim)
    return whole.squeeze(dim), between.add_(var.mean(dim, dtype=torch.float64))


@lru_cache(maxsize=1024)
def _num_runs(count: int, channels: int) -> int:
    """How many runs `count` rows are added up in, a divisor: their sums have to fit the cache."""
    most = max(1, min(math.isqrt(count), count // _LENGTH, _CACHED // channels))
    return max(runs for runs in range(1, most + 1) if count % runs == 0)
