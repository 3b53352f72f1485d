"""VGG for SSD: Simonyan and Zisserman 2014, changed as Liu et al. 2016, section 3.1, says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.base import Backbone
from mmlite.models.layers import Conv2d, build_norm
from mmlite.registry import BACKBONES

# convolutions per stage, table 1 of the VGG paper
_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)


@BACKBONES.register_module()
class SSDVGG(Backbone):
    """VGG whose pool5 is 3x3 with stride 1, and whose fc6 and fc7 are convolutions.

    `features` is one flat nn.Sequential with mmdet's keys: for depth 16 without normalisation
    index 22 is conv4_3's ReLU (stride 8) and 34 is fc7's (stride 16).

    Args:
        depth: 11, 13, 16 or 19.
        ceil_mode: pooling rounds up, as Caffe does: 300 px give a 38x38 map at stride 8.
        out_feature_indices: which layers of `features` are returned.
        with_last_pool, out_indices: (False, (3, 4)); mmdet's configs carry them.
        norm_cfg: a normalisation after each convolution of the five stages, for training from
            scratch; the indices of `features` grow accordingly.
        init_cfg: `dict(type='Pretrained', checkpoint='torchvision://vgg16')`, a path, a URL, or
            an initialiser of mmengine; None draws by Kaiming.
    """

    INIT_CFG: ClassVar[list] = [
        dict(type='Kaiming', layer='Conv2d'),
        dict(type='Constant', val=1, layer='BatchNorm2d'),
    ]

    def __init__(
        self,
        depth: int = 16,
        with_last_pool: bool = False,
        ceil_mode: bool = True,
        out_indices: Sequence[int] = (3, 4),
        out_feature_indices: Sequence[int] = (22, 34),
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if depth not in _STAGES:
            raise ConfigError(f'SSDVGG: depth {depth} is unknown; known: {list(_STAGES)}')
        if with_last_pool or tuple(out_indices) != (3, 4):
            raise ConfigError('SSDVGG: with_last_pool=False and out_indices=(3, 4) are what SSD is')
        self.out_feature_indices = tuple(out_feature_indices)
        layers: list[nn.Module] = []
        in_channels = 3
        for num_convs, channels in zip(_STAGES[depth], _WIDTHS, strict=True):
            for _ in range(num_convs):
                layers.append(Conv2d(in_channels, channels, 3, padding=1))
                if norm_cfg is not None:
                    layers.append(build_norm(norm_cfg, channels)[1])
                layers.append(nn.ReLU(inplace=True))
                in_channels = channels
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=ceil_mode))
        layers[-1] = nn.MaxPool2d(3, 1, padding=1)  # pool5 keeps the resolution for fc6
        layers += [
            Conv2d(512, 1024, 3, padding=6, dilation=6),  # fc6, sees what the 7x7 one saw
            nn.ReLU(inplace=True),
            Conv2d(1024, 1024, 1),  # fc7
            nn.ReLU(inplace=True),
        ]
        if max(self.out_feature_indices) >= len(layers):
            raise ConfigError(
                f'SSDVGG: out_feature_indices {self.out_feature_indices} are beyond the '
                f'{len(layers)} layers'
            )
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        feats = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.out_feature_indices:
                feats.append(x)
        return feats

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Turns torchvision's VGG classifier into fc6 and fc7; other files pass as they are.

        fc6 (4096 x 512x7x7) keeps every 4th output and every 3rd row and column, fc7 (4096 x
        4096) every 4th of both, as the released SSD's reduced VGG does.
        """
        weights = {key: v for key, v in state_dict.items() if key.startswith('features.')}
        fc6, fc7 = state_dict.get('classifier.0.weight'), state_dict.get('classifier.3.weight')
        if fc6 is None or fc7 is None or fc6.isnan().any():
            return weights  # a features-only file, such as torchvision's IMAGENET1K_FEATURES
        last = len(self.features) - 1  # fc6, ReLU, fc7, ReLU; 34 for depth 16
        weights[f'features.{last - 3}.weight'] = fc6.view(4096, 512, 7, 7)[::4, :, ::3, ::3]
        weights[f'features.{last - 3}.bias'] = state_dict['classifier.0.bias'][::4]
        weights[f'features.{last - 1}.weight'] = fc7.view(4096, 4096, 1, 1)[::4, ::4]
        weights[f'features.{last - 1}.bias'] = state_dict['classifier.3.bias'][::4]
        return weights
