"""Swin Transformer: windows, the authors' weights, what is frozen; values are in the golden."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.backbones import SwinTransformer
from mmlite.models.backbones.swin import PatchMerging
from mmlite.models.backbones.swin_weights import swin_from_original
from mmlite.models.backbones.window_attention import ShiftedWindows
from tests.models.backbones.common import check_frozen, check_with_cp, shapes


def small(**args) -> SwinTransformer:
    sizes = dict(embed_dims=8, depths=(2, 2), num_heads=(1, 2), strides=(4, 2), window_size=4)
    return SwinTransformer(**{**sizes, 'out_indices': (0, 1), **args})


def test_maps_of_sides_that_are_no_multiples():
    # patches of 4 and pairs of tokens are filled up: ceil(50 / 4) = 13, ceil(13 / 2) = 7
    assert shapes(small(), 50, 70) == [(8, 13, 18), (16, 7, 9)]
    assert shapes(SwinTransformer(), 64, 96) == [
        (96, 16, 24),
        (192, 8, 12),
        (384, 4, 6),
        (768, 2, 3),
    ]


def reach(shifts: bool) -> Tensor:
    """Which of 8 x 8 tokens the first one sees, with windows of 4 x 4."""
    attention = ShiftedWindows(4, 1, 4, shifts, True, None, 0.0, 0.0)
    x = torch.randn(1, 8, 8, 4, requires_grad=True)
    attention(x)[0, 0, 0].sum().backward()
    return x.grad[0].abs().sum(dim=2) > 1e-6  # what is masked has e^-100


def test_a_token_sees_its_window():
    seen = reach(shifts=False)
    assert seen[:4, :4].all() and seen.sum() == 16
    # windows begin 2 tokens further: the first token's has rows and columns 0 and 1, and what the
    # roll put beside them is masked
    seen = reach(shifts=True)
    assert seen[:2, :2].all() and seen.sum() == 4


def test_patches_are_merged_in_the_order_of_the_authors_weights():
    torch.manual_seed(0)
    theirs = {
        'layers.0.downsample.norm.weight': torch.rand(12),
        'layers.0.downsample.norm.bias': torch.rand(12),
        'layers.0.downsample.reduction.weight': torch.rand(6, 12),
    }
    merging = PatchMerging(3, dict(type='LN'))
    own = swin_from_original(theirs)
    merging.load_state_dict({k.removeprefix('stages.0.downsample.'): v for k, v in own.items()})
    x = torch.rand(1, 4, 6, 3)
    # top left, bottom left, top right, bottom right
    squares = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
    norm = (theirs[f'layers.0.downsample.norm.{name}'] for name in ('weight', 'bias'))
    tokens = torch.nn.functional.layer_norm(torch.cat(squares, dim=3), (12,), *norm)
    expected = tokens @ theirs['layers.0.downsample.reduction.weight'].T
    torch.testing.assert_close(merging(x), expected)


def test_the_authors_file(tmp_path):
    names = {'stages.': 'layers.', 'projection': 'proj', 'attn.w_msa': 'attn'}
    names |= {'ffn.layers.0.0': 'mlp.fc1', 'ffn.layers.1': 'mlp.fc2'}
    torch.manual_seed(0)
    backbone = small(window_size=5)
    theirs = {'head.weight': torch.rand(3, 16), 'layers.0.blocks.1.attn_mask': torch.zeros(1)}
    for key, value in small().state_dict().items():
        if not key.startswith('norm'):
            for own, other in names.items():
                key = key.replace(own, other)
            theirs[key] = torch.rand(value.shape) if value.is_floating_point() else value
    torch.save(dict(model=theirs), tmp_path / 'swin.pth')
    backbone.init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'swin.pth'))
    backbone.init_weights()
    found = backbone.stages[1].blocks[0]
    assert torch.equal(found.ffn.layers[0][0].weight, theirs['layers.1.blocks.0.mlp.fc1.weight'])
    assert torch.equal(found.attn.w_msa.qkv.bias, theirs['layers.1.blocks.0.attn.qkv.bias'])
    # a table of 7 x 7 distances, for windows of 4, is stretched to 9 x 9; the middle stays
    table = found.attn.w_msa.relative_position_bias_table
    torch.testing.assert_close(
        table[40], theirs['layers.1.blocks.0.attn.relative_position_bias_table'][24]
    )


def test_what_is_frozen_stays_so_through_train():
    check_frozen(small(frozen_stages=1), ('patch_embed.', 'stages.0.', 'norm0.'))


def test_checkpointed_activations_give_the_same_gradients():
    check_with_cp(lambda **args: small(drop_path_rate=0.0, **args))


def test_stochastic_depth_grows_from_0():
    backbone = small(drop_path_rate=0.3)
    rates = [getattr(b.drop_path, 'p', 0.0) for s in backbone.stages for b in s.blocks]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3])


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(out_indices=(2,)), r'out_indices lie in 0\.\.1, found \(2,\)'),
        (dict(num_heads=(1, 2, 4)), r'num_heads has one value for each of 2 stages'),
        (dict(strides=(4, 4)), r'strides are patch_size=4, then 2; found \(4, 4\)'),
        (dict(frozen_stages=3), r'frozen_stages lies in -1\.\.2, found 3'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=f'SwinTransformer: {message}'):
        small(**args)
