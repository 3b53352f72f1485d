"""The last stage of a ResNet on the pooled RoIs: the C4 models of Faster R-CNN."""

from __future__ import annotations

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.base import KAIMING, Backbone
from mmlite.models.backbones.residual_blocks import stage_of_blocks
from mmlite.models.backbones.resnet import DEPTHS
from mmlite.registry import HEADS


@HEADS.register_module()
class ResLayer(Backbone):
    """One stage of a ResNet (He et al. 2015, section 4 and appendix A: conv5 on each RoI).

    Args:
        depth: of the ResNet.
        stage: 0..3; 3 is the last, whose weights are named `layer4`.
        stride, dilation: of the stage.
        style: 'pytorch' or 'caffe': where a bottleneck has its stride.
        norm_cfg: normalisation layers, `dict(type='BN')`.
        norm_eval: batch norm keeps its statistics in training.
        dcn: deformable 3x3 convolutions, see ResNet.
        init_cfg: `dict(type='Pretrained', ...)` with the weights of a whole ResNet, or an
            initialiser of mmengine; None draws by Kaiming.
    """

    INIT_CFG = KAIMING

    def __init__(
        self, depth: int, stage: int = 3, stride: int = 2, dilation: int = 1,
        style: str = 'pytorch', norm_cfg: dict | None = None, norm_eval: bool = True,
        dcn: dict | None = None, init_cfg: dict | list | None = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if depth not in DEPTHS or stage not in range(1, 4):
            raise ConfigError(
                f'ResLayer: depth one of {list(DEPTHS)} and stage 1, 2 or 3 are expected, found '
                f'{depth} and {stage}'
            )
        block, num_blocks = DEPTHS[depth]
        self.norm_eval = norm_eval
        channels = 64 * 2**stage
        in_channels = channels // 2 * block.expansion
        shape = (in_channels, channels, channels, 1, stride)
        layers = (dilation, style, None, norm_cfg or dict(type='BN', requires_grad=True), dcn)
        self.name = f'layer{stage + 1}'
        blocks = stage_of_blocks(block, num_blocks[stage], *shape, *layers)
        self.add_module(self.name, nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> Tensor:
        """Features of RoIs (K, C, s, s) -> (K, C', s', s')."""
        return getattr(self, self.name)(x)

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Takes the stage out of the tensors of a ResNet."""
        return {key: v for key, v in state_dict.items() if key.startswith(f'{self.name}.')}
