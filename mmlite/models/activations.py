"""Activations by mmcv's names."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from mmlite.models.layer_cfg import layer_and_arguments


class HSigmoid(nn.Module):
    """(x + bias) / divisor, not below `min_value` nor above `max_value` (MobileNetV3, sec. 5.2)."""

    def __init__(
        self,
        bias: float = 3.0,
        divisor: float = 6.0,
        min_value: float = 0.0,
        max_value: float = 1.0,
    ) -> None:
        super().__init__()
        self.bias, self.divisor = bias, divisor
        self.min_value, self.max_value = min_value, max_value

    def forward(self, x: Tensor) -> Tensor:
        return ((x + self.bias) / self.divisor).clamp(self.min_value, self.max_value)


# act_cfg type -> class, and whether it writes into its input where the config does not say
_ACTIVATIONS: dict[str, tuple[Callable[..., nn.Module], bool]] = {
    'ReLU': (nn.ReLU, True),
    'ReLU6': (nn.ReLU6, True),
    'LeakyReLU': (nn.LeakyReLU, True),
    'ELU': (nn.ELU, True),
    'SiLU': (nn.SiLU, True),
    'Swish': (nn.SiLU, True),  # the same function under its older name
    'HSwish': (nn.Hardswish, True),
    'HSigmoid': (HSigmoid, False),
    'GELU': (nn.GELU, False),
    'Sigmoid': (nn.Sigmoid, False),
    'Tanh': (nn.Tanh, False),
    'PReLU': (nn.PReLU, False),
}


def build_activation(act_cfg: dict | None) -> nn.Module:
    """Builds `dict(type='ReLU', ...)`; the identity for None.

    The other keys go to the layer's constructor, which has torch's defaults, as mmcv's have: a
    LeakyReLU has a slope of 0.01.

    Raises:
        ConfigError: another type, or an argument that the layer does not have.
    """
    if act_cfg is None:
        return nn.Identity()
    (layer, inplace), args = layer_and_arguments(act_cfg, _ACTIVATIONS, 'act_cfg')
    return layer(**{'inplace': True, **args} if inplace else args)
