"""Any of timm's models with a pyramid of feature maps as a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from mmlite.errors import ConfigError, DataError, did_you_mean
from mmlite.models.backbones.base import Backbone
from mmlite.registry import BACKBONES
from mmlite.support.extras import needed


@BACKBONES.register_module(name=['TimmBackbone', 'TIMMBackbone', 'mmpretrain.TIMMBackbone'])
class TimmBackbone(Backbone):
    """The feature maps of one of timm's models; keys are `timm_model.` and timm's own.

    It needs the package timm: pip install 'mmlite[timm]'. The arguments are those of mmpretrain's
    TIMMBackbone; `mean_std_of_weights` and `out_channels` of the built backbone say more.

    Args:
        model_name: 'convnext_tiny', 'efficientnet_b1', 'tv_resnet50', ...; `timm.list_models()`
            has them all.
        pretrained: weights that timm fetches when the first weights are drawn.
        out_indices: which of the model's maps are returned, the largest first; None for all of
            strides 4 and more. Most models of convolutions have strides 2, 4, 8, 16, 32 at 0..4,
            transformers and ConvNeXt 4, 8, 16, 32 at 0..3.
        model_args: other arguments of `timm.create_model`, such as `dict(drop_path_rate=0.1)`.
        features_only: True; a detector has no use for scores of a classifier.
        norm_eval: batch norm keeps its statistics in training.
        init_cfg: `dict(type='Pretrained', checkpoint=...)` with a file of timm's model; None draws
            as timm does.

    Raises:
        ConfigError: timm is missing, has no such model, or cannot give these maps of it.
    """

    def __init__(
        self,
        model_name: str,
        pretrained: bool = False,
        out_indices: Sequence[int] | None = None,
        model_args: dict | None = None,
        features_only: bool = True,
        norm_eval: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not features_only:
            raise ConfigError('TimmBackbone: features_only=True is what a detector needs')
        self.name = model_name
        self.pretrained = pretrained
        self.norm_eval = norm_eval
        self.args: dict[str, Any] = dict(model_args or {})
        if out_indices is None:
            strides = self._create(pretrained=False).feature_info.reduction()
            out_indices = [i for i, stride in enumerate(strides) if stride >= 4]
        self.args['out_indices'] = tuple(out_indices)
        self.timm_model = self._create(pretrained=False)
        self.out_channels = self.timm_model.feature_info.channels()

    def _create(self, pretrained: bool) -> Any:
        timm = needed('timm', 'TimmBackbone', "'mmlite[timm]'")
        name = self.name.split('.')[0]  # what follows names the weights
        if not timm.is_model(name):
            known = timm.list_models()
            raise ConfigError(
                f"TimmBackbone: timm has no model '{self.name}'.{did_you_mean(name, known)}"
            )
        try:
            return timm.create_model(
                self.name, pretrained=pretrained, features_only=True, **self.args
            )
        except (OSError, ValueError) as error:  # of huggingface_hub and of the web
            if not pretrained:
                raise
            raise DataError(
                f"TimmBackbone: timm's weights of {self.name} cannot be fetched: {error}\n"
                'Or train without them: --from-scratch'
            ) from error
        except (TypeError, RuntimeError, IndexError, AttributeError, AssertionError) as error:
            raise ConfigError(
                f'TimmBackbone: timm cannot make feature maps of {self.name} with {self.args}: '
                f'{type(error).__name__}: {error}'
            ) from error

    @property
    def mean_std_of_weights(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """In RGB order, for pixels of 0-255; None where the weights are not timm's."""
        cfg = getattr(self.timm_model, 'pretrained_cfg', None)
        if not self.pretrained or not cfg:
            return None
        return tuple(255 * v for v in cfg['mean']), tuple(255 * v for v in cfg['std'])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        return [
            feat if feat.shape[1] == channels else feat.permute(0, 3, 1, 2)  # (N, h, w, C) of some
            for feat, channels in zip(self.timm_model(x), self.out_channels, strict=True)
        ]

    def init_weights(self) -> None:
        super().init_weights()
        if self.pretrained and not self.init_cfg:
            self.timm_model.load_state_dict(self._create(pretrained=True).state_dict())

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Keeps what the maps need; files of timm's classifier and of this backbone both fit.

        Without its classifier timm joins some names, 'stem.0.weight' is 'stem_0.weight' there.
        """
        own = {key.replace('.', '_'): key for key in self.state_dict()}
        named = {
            f'timm_model.{key.removeprefix("timm_model.")}'.replace('.', '_'): value
            for key, value in state_dict.items()
        }
        return {own[key]: value for key, value in named.items() if key in own}
