"""Any of torchvision's classifiers as a backbone, by its feature extractor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torchvision.models import feature_extraction as extraction
from torchvision.models import get_model, list_models

from mmlite.errors import ConfigError, did_you_mean
from mmlite.models.backbones.base import Backbone
from mmlite.registry import BACKBONES

_PROBE = 128  # pixels: stride 32 leaves a map of 4 x 4


@BACKBONES.register_module()
class TorchvisionBackbone(Backbone):
    """The feature maps of one of torchvision's convolutional classifiers.

    Args:
        name: 'efficientnet_b0', 'regnet_y_400mf', 'mobilenet_v3_small', ...; torchvision's
            `list_models(module=torchvision.models)` has them all.
        strides: pixels per cell of the maps returned: of each stride the last layer in the model.
        return_nodes: names of layers in place of `strides`, as torchvision's
            `get_graph_node_names` gives them.
        norm_eval: batch norm keeps its statistics in training.
        norm_eps: what batch norm adds to the variance; None: what torchvision does.
        frozen_norms: batch norm is never trained: statistics, scale and shift stay as they are.
        frozen_layers: names of layers that are never trained, with all that is inside them:
            'features.0', ...
        init_cfg: `dict(type='Pretrained', checkpoint='torchvision://NAME')` or a path; None draws
            as torchvision does.

    `out_channels` and `return_nodes` of the built backbone say what it gives.

    Raises:
        ConfigError: an unknown model or layer, or a model without maps of that stride.
    """

    def __init__(
        self,
        name: str,
        strides: Sequence[int] = (4, 8, 16, 32),
        return_nodes: Sequence[str] | None = None,
        norm_eval: bool = False,
        norm_eps: float | None = None,
        frozen_norms: bool = False,
        frozen_layers: Sequence[str] = (),
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if name not in list_models():
            raise ConfigError(
                f"TorchvisionBackbone: torchvision has no model '{name}'."
                f'{did_you_mean(name, list_models())}'
            )
        model = get_model(name, weights=None)
        nodes = extraction.get_graph_node_names(model)[1]
        try:
            shapes = _map_shapes(model, nodes)
        except Exception as error:  # whatever a model says to an input of another size
            raise ConfigError(
                f'TorchvisionBackbone: {name} cannot be run at {_PROBE} pixels, so it is no '
                f'backbone for images of any size: {error}'
            ) from error
        if return_nodes is None:
            return_nodes = [_last_of_stride(shapes, stride, name) for stride in strides]
        for node in return_nodes:
            if node not in shapes:
                raise ConfigError(
                    f"TorchvisionBackbone: '{node}' is no layer of {name} that gives a map "
                    f'(N, C, H, W).{did_you_mean(node, shapes)}'
                )
        self.return_nodes = list(return_nodes)
        self.out_channels = [shapes[node][1] for node in self.return_nodes]
        self.norm_eval = norm_eval
        # what comes after the last of the nodes, such as the classifier, is left out
        self.body = extraction.create_feature_extractor(model, self.return_nodes)
        for norm in self.batch_norms():
            norm.eps = norm.eps if norm_eps is None else norm_eps
        names = [name for name, _ in self.body.named_modules()]
        for name in frozen_layers:
            if name not in names:
                raise ConfigError(
                    f"TorchvisionBackbone: '{name}' of frozen_layers is no layer of it."
                    f'{did_you_mean(name, names)}'
                )
        self.frozen_norms = frozen_norms
        self.frozen_layers = list(frozen_layers)
        self.freeze()

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the layers of `frozen_layers`, and with `frozen_norms` all batch norms."""
        layers = [self.body.get_submodule(name) for name in self.frozen_layers]
        return layers + (self.batch_norms() if self.frozen_norms else [])

    def batch_norms(self) -> list[nn.Module]:
        """Returns them in the order of the model."""
        return [module for module in self.body.modules() if isinstance(module, _BatchNorm)]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        return list(self.body(x).values())

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Keeps what the body has; files of the classifier and of this backbone both fit."""
        own = self.state_dict()
        named = {f'body.{key.removeprefix("body.")}': value for key, value in state_dict.items()}
        return {key: value for key, value in named.items() if key in own}


def _map_shapes(model: nn.Module, nodes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each node that gives a square map, for a square input."""
    extractor = extraction.create_feature_extractor(model, list(nodes)).eval()
    with torch.no_grad():
        outs = extractor(torch.zeros(1, 3, _PROBE, _PROBE))
    maps = {node: out for node, out in outs.items() if isinstance(out, Tensor) and out.ndim == 4}
    return {
        node: tuple(out.shape)
        for node, out in maps.items()
        if 1 < out.shape[2] == out.shape[3] < _PROBE
    }


def _last_of_stride(shapes: dict[str, tuple[int, ...]], stride: int, name: str) -> str:
    """Returns the last layer of that stride, if possible not one inside of a block that changes it.

    A block that halves its map starts at the old size: its inner layers are no end of a stage.
    """
    strides = {node: _PROBE // shape[2] for node, shape in shapes.items()}
    found = [node for node in strides if strides[node] == stride]
    if not found:
        raise ConfigError(
            f'TorchvisionBackbone: {name} has no map (N, C, H, W) of stride {stride}; it has '
            f'{sorted(set(strides.values()))}'
        )
    ends = [node for node in found if _strides_in_block(node, strides) == {stride}]
    return (ends or found)[-1]


def _strides_in_block(node: str, strides: dict[str, int]) -> set[int]:
    block = node.rpartition('.')[0] or node
    return {value for other, value in strides.items() if f'{other}.'.startswith(f'{block}.')}
