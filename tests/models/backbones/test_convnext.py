"""ConvNeXt is torchvision's number by number; keys are mmpretrain's."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import convnext

from mmlite.errors import ConfigError
from mmlite.models.backbones import ConvNeXt
from mmlite.registry import BACKBONES
from tests.models.backbones.common import check_frozen, check_with_cp, shapes

SMALL = dict(arch=dict(depths=(1, 2), channels=(8, 16)), out_indices=(0, 1))


def test_forward_equals_torchvisions():
    torch.manual_seed(0)
    blocks = convnext.CNBlockConfig
    theirs = convnext.ConvNeXt([blocks(8, 16, 1), blocks(16, None, 2)], layer_scale=0.5).eval()
    parts = {'block.0': 'depthwise_conv', 'block.2': 'norm', 'block.3': 'pointwise_conv1'}
    parts |= {'block.5': 'pointwise_conv2', 'layer_scale': 'gamma'}
    weights = {}
    for key, value in theirs.features.state_dict().items():
        number, _, rest = key.partition('.')
        for other, own in parts.items():
            rest = rest.replace(other, own)
        stage, is_blocks = divmod(int(number), 2)
        weights[f'{"stages" if is_blocks else "downsample_layers"}.{stage}.{rest}'] = value
    own = ConvNeXt(**SMALL).eval()
    missing, unexpected = own.load_state_dict(
        {k: v.flatten() if k.endswith('gamma') else v for k, v in weights.items()}, strict=False
    )
    assert not unexpected and {key.split('.')[0] for key in missing} == {'norm0', 'norm1'}
    x = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        maps = [theirs.features[:2](x), theirs.features(x)]
        for feat, expected in zip(own(x), maps, strict=True):
            norm = torch.nn.functional.layer_norm(
                expected.permute(0, 2, 3, 1), expected.shape[1:2], eps=1e-6
            )
            torch.testing.assert_close(feat, norm.permute(0, 3, 1, 2), rtol=1e-4, atol=1e-5)


def test_arguments_of_mmdets_config():
    cfg = dict(
        type='mmpretrain.ConvNeXt',
        arch='base',
        out_indices=[1, 2, 3],
        drop_path_rate=0.7,
        layer_scale_init_value=1.0,
        gap_before_final_norm=False,
        with_cp=True,
    )
    with torch.device('meta'):
        backbone = BACKBONES.build(cfg)
    assert shapes(backbone, 64, 96) == [(256, 8, 12), (512, 4, 6), (1024, 2, 3)]
    assert [len(stage) for stage in backbone.stages] == [3, 3, 27, 3]


def test_what_is_frozen_stays_so_through_train():
    check_frozen(ConvNeXt(**SMALL, frozen_stages=1), ('downsample_layers.0.', 'stages.0.'))


def test_checkpointed_activations_give_the_same_gradients():
    check_with_cp(lambda **args: ConvNeXt(**SMALL, **args), 32, 32)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(arch='tini'), r"arch 'tini' is unknown\. Did you mean 'tiny'"),
        (dict(arch=dict(depths=(1,))), 'arch has depths and channels, found depths'),
        (dict(frozen_stages=3), r'frozen_stages lies in 0\.\.2, found 3'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=f'ConvNeXt: {message}'):
        ConvNeXt(**{**SMALL, **args})
