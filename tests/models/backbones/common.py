"""What tests of several backbones do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from mmlite.models.backbones.base import Backbone


def shapes(backbone: nn.Module, height: int, width: int) -> list[tuple[int, ...]]:
    """(C, h, w) of what comes out for an image, without memory."""
    with torch.device('meta'), torch.no_grad():
        feats = backbone.to('meta')(torch.zeros(1, 3, height, width))
    return [tuple(feat.shape[1:]) for feat in feats]


def check_frozen(backbone: Backbone, frozen: tuple[str, ...]) -> None:
    """Asserts that these parts, and no others, are never trained, whatever mode is set."""
    for mode in (True, False, True):
        backbone.train(mode)
    for name, parameter in backbone.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen), name
    for name, module in backbone.named_modules():
        if name.startswith(frozen):
            assert not module.training, name


def check_with_cp(make: Callable[..., Backbone], height: int = 64, width: int = 64) -> None:
    """Asserts that activations that are computed again give the same gradients."""
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    grads = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        backbone = make(with_cp=with_cp).train()
        sum(feat.square().mean() for feat in backbone(x)).backward()
        grads.append({key: p.grad for key, p in backbone.named_parameters()})
    for key, grad in grads[0].items():
        torch.testing.assert_close(grads[1][key], grad, msg=key)
