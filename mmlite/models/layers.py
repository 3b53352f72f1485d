"""Layers that backbones, necks and heads share. State-dict keys are mmcv's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.activations import build_activation
from mmlite.models.deform_conv import DeformConvPack, ModulatedDeformConv2d
from mmlite.models.norms import build_norm


class Conv2d(nn.Conv2d):
    """nn.Conv2d that can take the batch norm behind it along, and keep the weights of both.

    `kept` is None unless `prepare_for_inference` says that weights no longer change; then it holds
    them by norm, device and dtype, as they were computed with. RTMDet's levels share convolutions
    and have norms of their own.
    """

    kept: dict[tuple, tuple[Tensor, Tensor | None]] | None = None

    def forward(self, x: Tensor, norm: nn.Module | None = None) -> Tensor:
        """Convolves, and with `norm`, a batch norm that uses its running statistics, normalises.

        The norm is linear then, so the two are one convolution with other weights, and
        s (W x + b - mean) + shift becomes (s W) x + s (b - mean) + shift. That saves a pass over
        the feature map, three in training, and the map between the two is never kept.
        """
        if self.kept is None or torch.is_grad_enabled():
            return self._conv_forward(x, *self._folded(norm))
        dtype = self.weight.dtype
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
        x = x.to(dtype)
        key = (norm, x.device, dtype)
        if key not in self.kept:
            weight, bias = (t if t is None else t.to(dtype) for t in self._folded(norm))
            self.kept[key] = self._packed(weight, x), bias
        weight, bias = self.kept[key]
        if weight.is_mkldnn:
            where = (self.padding, self.stride, self.dilation, self.groups)
            return torch.ops.mkldnn._convolution_pointwise(x, weight, bias, *where, 'none', [], '')
        return self._conv_forward(x, weight, bias)

    def train(self, mode: bool = True) -> Conv2d:
        """In training weights change: none are kept."""
        if mode:
            self.kept = None
        return super().train(mode)

    def kernel(self) -> Tensor:
        """What the input is convolved with; a subclass makes it of `weight`."""
        return self.weight

    def _folded(self, norm: nn.Module | None) -> tuple[Tensor, Tensor | None]:
        if norm is None:
            return self.kernel(), self.bias
        scale = (norm.running_var + norm.eps).rsqrt()
        if norm.weight is not None:
            scale = scale * norm.weight
        bias = -norm.running_mean if self.bias is None else self.bias - norm.running_mean
        bias = bias * scale if norm.bias is None else bias * scale + norm.bias
        return self.kernel() * scale[:, None, None, None], bias

    def _packed(self, weight: Tensor, x: Tensor) -> Tensor:
        """On a CPU the weights in oneDNN's own order, into which it else brings them each time."""
        is_onednn = x.device.type == 'cpu' and torch.backends.mkldnn.is_available()
        if not is_onednn or weight.dtype not in (torch.float32, torch.bfloat16):
            return weight
        if weight.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
            return weight  # a CPU without the instructions refuses the order
        where = (self.padding, self.stride, self.dilation, self.groups)
        # contiguous: what it takes from inductor, its only other caller
        return torch.ops.mkldnn._reorder_convolution_weight(weight.contiguous(), *where, x.shape)

    def _load_from_state_dict(self, *args: Any) -> None:
        self._forget()
        super()._load_from_state_dict(*args)

    def _apply(self, *args: Any) -> Conv2d:
        self._forget()
        return super()._apply(*args)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles have none kept: what oneDNN has packed cannot be copied."""
        return self.__dict__ if self.kept is None else {**self.__dict__, 'kept': {}}

    def _forget(self) -> None:
        if self.kept is not None:
            self.kept.clear()


class ConvWS2d(Conv2d):
    """A convolution whose weights are standardised: of each output channel, mean 0 and deviation 1.

    Weight Standardization (Qiao et al. 2019, arXiv 1903.10520), for training with
    group norm and small batches. State-dict keys are those of nn.Conv2d.
    """

    def kernel(self) -> Tensor:
        std, mean = torch.std_mean(self.weight, dim=(1, 2, 3), keepdim=True)
        return (self.weight - mean) / (std + 1e-5)  # mmcv's epsilon


def prepare_for_inference(model: nn.Module) -> nn.Module:
    """Has each convolution keep its weights: with its norm, in half precision, in oneDNN's order.

    For a model whose weights no longer change: they are made in the first call, by device and
    dtype, and take as much memory again. `train()`, `load_state_dict()` and `to()` let go of them;
    code that writes into a parameter in another way has to call this again.

    Returns:
        the model, in eval mode.
    """
    model.eval()
    for module in model.modules():
        if isinstance(module, Conv2d):
            module.kept = {}
    return model


def conv_norm(conv: nn.Module, norm: nn.Module, x: Tensor) -> Tensor:
    """Returns `norm(conv(x))`, in one step for a batch norm that keeps its statistics.

    That is in testing, and in training with `norm_eval` or in frozen stages. The norm itself is
    not called then: its forward hooks see nothing, the convolution's see what it returns.
    """
    foldable = isinstance(norm, nn.modules.batchnorm._BatchNorm) and norm.running_mean is not None
    if foldable and not norm.training and isinstance(conv, Conv2d):
        return conv(x, norm)
    return norm(conv(x))


_CONVS = {'Conv2d': Conv2d, 'ConvWS': ConvWS2d}
_DEFORMABLE = {'DCN': DeformConvPack, 'DCNv2': ModulatedDeformConv2d}


def conv_class(conv_cfg: dict | None) -> Callable[..., nn.Module]:
    """Returns what builds a convolution, with the arguments of nn.Conv2d: Conv2d itself for None.

    `dict(type='ConvWS')` means one with standardised weights, `dict(type='DCN', deform_groups=1)`
    and `dict(type='DCNv2', deform_groups=1)` a deformable one.

    Raises:
        ConfigError: another type or argument.
    """
    cfg = dict(conv_cfg or dict(type='Conv2d'))
    kind = cfg.pop('type', None)
    if kind in _CONVS and not cfg:
        return _CONVS[kind]
    if kind not in _DEFORMABLE:
        raise ConfigError(
            "conv_cfg: dict(type='ConvWS'), dict(type='DCN'), dict(type='DCNv2') or None is "
            f'expected, found {conv_cfg!r}'
        )
    # False is mmcv's default too: the stride is the deformable convolution's own
    if cfg.pop('fallback_on_stride', False):
        raise ConfigError(f'{kind}: fallback_on_stride=True is not supported; leave it out')
    # mmcv has two names for it
    deform_groups = cfg.pop('deform_groups', cfg.pop('deformable_groups', 1))
    if cfg:
        raise ConfigError(f'{kind} takes deform_groups, found {", ".join(cfg)}')
    return partial(_DEFORMABLE[kind], deform_groups=deform_groups)


class ConvNorm(nn.Sequential):
    """A convolution, a norm, and what may follow, under the keys '0', '1', ...; see `conv_norm`."""

    def forward(self, x: Tensor) -> Tensor:
        x = conv_norm(self[0], self[1], x)
        for layer in self[2:]:
            x = layer(x)
        return x


class ConvModule(nn.Module):
    """Convolution, then normalisation, then activation; `conv`, `bn` or `gn`, `activate`.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups: as nn.Conv2d.
        bias: None gives a bias where no normalisation follows.
        norm_cfg: None for no normalisation.
        act_cfg: None for no activation.
        conv_cfg: another convolution, see `conv_class`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        conv_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        bias = norm_cfg is None if bias is None else bias
        shape = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        self.conv = conv_class(conv_cfg)(*shape, bias)
        self.norm_name = None
        if norm_cfg is not None:
            self.norm_name, norm = build_norm(norm_cfg, out_channels)
            self.add_module(self.norm_name, norm)
        self.activate = build_activation(act_cfg)

    def forward(self, x: Tensor) -> Tensor:
        if self.norm_name is None:
            return self.activate(self.conv(x))
        return self.activate(conv_norm(self.conv, getattr(self, self.norm_name), x))


class DepthwiseSeparableConvModule(nn.Module):
    """A convolution within each channel, then a 1x1 across them (MobileNets, Howard et al. 2017).

    Args:
        in_channels, out_channels, kernel_size, stride, padding: as nn.Conv2d.
        bias: of both; None gives a bias where no normalisation follows.
        norm_cfg, act_cfg: after both convolutions; None for none.
        conv_cfg: other convolutions, see `conv_class`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1,
        padding: int = 0, bias: bool | None = None, norm_cfg: dict | None = None,
        act_cfg: dict | None = None, conv_cfg: dict | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        layers = dict(bias=bias, norm_cfg=norm_cfg, act_cfg=act_cfg, conv_cfg=conv_cfg)
        self.depthwise_conv = ConvModule(
            in_channels, in_channels, kernel_size, stride, padding, groups=in_channels, **layers
        )
        self.pointwise_conv = ConvModule(in_channels, out_channels, 1, **layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise_conv(self.depthwise_conv(x))


class L2Norm(nn.Module):
    """Scales each location's feature vector to a learnt length per channel (ParseNet, sec. 3.3).

    SSD's conv4_3 has far larger values than the layers after it, and needs this.

    Args:
        channels: C of the input (N, C, H, W).
        scale: initial length.
    """

    def __init__(self, channels: int, scale: float = 20.0) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.full((channels,), float(scale)))

    def forward(self, x: Tensor) -> Tensor:
        # float32 at least: the sum of 512 squares overflows float16
        dtype = torch.promote_types(x.dtype, torch.float32)
        norm = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=dtype) + 1e-10
        return (x * norm.reciprocal() * self.weight[:, None, None]).type_as(x)


# of Darknet and of YOLOv3's neck and head; nobody writes into it
LEAKY = dict(type='LeakyReLU', negative_slope=0.1)

# of the towers of most heads, where a config does not say another; nobody writes into it
TOWER_NORM = dict(type='GN', num_groups=32)


def conv_tower(
    in_channels: int,
    channels: int,
    num_convs: int,
    norm_cfg: dict | None,
    bias: bool | None = None,
    last_conv_cfg: dict | None = None,
    act_cfg: dict | None = dict(type='ReLU'),  # noqa: B006, never changed
    use_depthwise: bool = False,
    conv_cfg: dict | None = None,
) -> nn.Sequential:
    """`num_convs` 3x3 convolutions with an activation each, as the heads stack them.

    They are other convolutions where `conv_cfg` says so, and the last one where `last_conv_cfg`
    does, see `conv_class`.
    """
    conv = DepthwiseSeparableConvModule if use_depthwise else ConvModule
    widths = [in_channels, *[channels] * num_convs]
    conv_cfgs = [*[conv_cfg] * (num_convs - 1), last_conv_cfg or conv_cfg]
    layers = dict(padding=1, bias=bias, norm_cfg=norm_cfg, act_cfg=act_cfg)
    return nn.Sequential(
        *(
            conv(*pair, 3, **layers, conv_cfg=each)
            for pair, each in zip(pairwise(widths), conv_cfgs[:num_convs], strict=True)
        )
    )


class Scale(nn.Module):
    """Multiplies by one learnt number (FCOS, Tian et al. 2019, section 3.2)."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale
