"""EfficientNet (Tan and Le 2019), torchvision's, under the arguments of mmdet."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models import get_model

from mmlite.errors import ConfigError, DataError, did_you_mean
from mmlite.models.backbones.base import Backbone
from mmlite.models.norms import build_norm
from mmlite.registry import BACKBONES

_ARCHS = ('b0', 'b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7')
# mmdet joins the stages of one stride; index in torchvision's `features` of each one's last
_LAST = (0, 1, 2, 3, 5, 7, 8)


@BACKBONES.register_module()
class EfficientNet(Backbone):
    """EfficientNet; the feature maps of the layers asked for.

    The network is torchvision's: mmdet pads strided convolutions as TensorFlow does, and its
    weights do not load here. Those of torchvision do.

    Args:
        arch: 'b0' to 'b7'.
        drop_path_rate: stochastic depth of the last block; the first has 0.
        out_indices: 0 is the stem, 1 to 5 are the stages of strides 2, 4, 8, 16, 32, 6 is the last
            1x1 convolution.
        frozen_stages: 0 none, k the first k layers, of which the stem is the first, as in mmdet.
        norm_cfg: normalisation; None for the batch norm of torchvision's network.
        norm_eval: batch norm keeps its statistics in training.
        init_cfg: `dict(type='Pretrained', checkpoint='torchvision://efficientnet_b3')` or a path;
            None draws as torchvision does.

    Raises:
        ConfigError: another `arch`, or layers that are not there.
    """

    def __init__(
        self,
        arch: str = 'b0',
        drop_path_rate: float = 0.0,
        out_indices: Sequence[int] = (6,),
        frozen_stages: int = 0,
        norm_cfg: dict | None = None,
        norm_eval: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if arch not in _ARCHS:
            raise ConfigError(
                f"EfficientNet: arch '{arch}' is unknown.{did_you_mean(arch, _ARCHS)} "
                f'Known: {", ".join(_ARCHS)}.'
            )
        last = len(_LAST) - 1
        if not set(out_indices) <= set(range(last + 1)):
            raise ConfigError(
                f'EfficientNet: out_indices lie in 0..{last}, found {tuple(out_indices)}'
            )
        if frozen_stages not in range(last + 2):
            raise ConfigError(
                f'EfficientNet: frozen_stages lies in 0..{last + 1}, found {frozen_stages}'
            )
        self.arch = arch
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        name = f'efficientnet_{arch}'
        model = get_model(name, weights=None, stochastic_depth_prob=drop_path_rate)
        self.features = model.features[: _LAST[max(self.out_indices)] + 1]
        if norm_cfg is not None:
            _replace_norms(self.features, norm_cfg)
        self.freeze()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        wanted = [_LAST[i] for i in self.out_indices]
        feats = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in wanted:
                feats.append(x)
        return feats

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the first `frozen_stages` layers."""
        if self.frozen_stages == 0:
            return []
        return list(self.features[: _LAST[self.frozen_stages - 1] + 1])

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Keeps what the layers need of the tensors of torchvision's file.

        Raises:
            DataError: the file is of mmdet's EfficientNet.
        """
        if not any(key.startswith('features.') for key in state_dict):
            raise DataError(
                "EfficientNet is torchvision's here; weights of mmdet and mmpretrain do not fit "
                'it, as their convolutions pad in another way. Set model.backbone.init_cfg to '
                f"dict(type='Pretrained', checkpoint='torchvision://efficientnet_{self.arch}'), or "
                'train without them: --from-scratch'
            )
        own = self.state_dict()
        return {key: value for key, value in state_dict.items() if key in own}


def _replace_norms(model: nn.Module, norm_cfg: dict) -> None:
    for module in list(model.modules()):
        for name, norm in module.named_children():
            if isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, build_norm(norm_cfg, norm.num_features)[1])
