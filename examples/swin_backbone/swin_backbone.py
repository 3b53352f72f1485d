"""A backbone from another library: torchvision's Swin Transformer (Liu et al. 2021).

Its maps are (N, H, W, C), so mmlite's TorchvisionBackbone, which takes convolutional ones, does
not fit. The same few lines wrap a model of timm.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models import SwinTransformer

from mmlite.models.base_module import BaseModule


class SwinBackbone(BaseModule):
    """The maps of all stages, of strides 4, 8, 16, 32 and `embed_dim` times 1, 2, 4, 8 channels.

    It is not registered: a config names it by its import path.

    Args:
        embed_dim, depths, num_heads, window_size: as torchvision; the defaults are swin_t's.
        drop_path: rate of stochastic depth.
        init_cfg: `dict(type='Pretrained', checkpoint='torchvision://swin_t')` or a path; None
            draws as torchvision does.
    """

    def __init__(
        self,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        window_size: int = 7,
        drop_path: float = 0.2,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        sizes = (embed_dim, list(depths), list(num_heads), [window_size, window_size])
        swin = SwinTransformer([4, 4], *sizes, stochastic_depth_prob=drop_path)
        self.features = swin.features
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dim * 2**i) for i in range(len(depths)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> per stage (N, C, H / stride, W / stride)."""
        maps = []
        for i, block in enumerate(self.features):
            x = block(x)
            if i % 2:  # layers at even positions halve the map
                maps.append(self.norms[i // 2](x).permute(0, 3, 1, 2))
        return maps

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Leaves the classifier of torchvision's file out."""
        return {key: value for key, value in state_dict.items() if key.startswith('features.')}
