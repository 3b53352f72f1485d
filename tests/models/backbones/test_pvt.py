"""PVT and PVTv2: maps, positions, the authors' weights; values of v2 are in the golden."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.backbones import PyramidVisionTransformer, PyramidVisionTransformerV2
from mmlite.models.backbones.pvt import Positions
from tests.models.backbones.common import shapes

ONE_EACH = dict(embed_dims=8, num_layers=(1, 1, 1, 1))


@pytest.mark.parametrize('cls', [PyramidVisionTransformer, PyramidVisionTransformerV2])
def test_maps(cls):
    # 8 channels times 1, 2, 5, 8 heads
    expected = [(8, 16, 24), (16, 8, 12), (40, 4, 6), (64, 2, 3)]
    assert shapes(cls(**ONE_EACH), 64, 96) == expected
    assert shapes(cls(**ONE_EACH, out_indices=(1, 3)), 64, 96) == expected[1::2]


def test_positions_are_stretched():
    positions = Positions(1, 2, 1, 0.0)
    with torch.no_grad():
        positions.pos_embed.copy_(Tensor([[[0.0], [4.0]]]))
    # 0 and 4 at the middles of two halves: 0, 1, 3, 4 at the middles of four quarters
    assert positions(torch.zeros(1, 1, 4, 1)).flatten().tolist() == [0, 1, 3, 4]


def authors(own: dict[str, Tensor], has_positions: bool) -> dict[str, Tensor]:
    """The same weights under the names of the authors' files, drawn."""
    theirs = {'head.weight': torch.rand(2, 2)}
    for key, value in own.items():
        _, stage, part, *rest = key.split('.')
        stage, value, name = int(stage) + 1, torch.rand(value.shape), '.'.join(rest)
        if part == '0':
            theirs[f'patch_embed{stage}.{name.replace("projection", "proj")}'] = value
        elif part == '2':
            theirs[f'norm{stage}.{name}'] = value
        elif name.endswith('pos_embed'):
            # the last stage of the classifier has one token more, the first
            theirs[f'pos_embed{stage}'] = (
                torch.cat([value[:, :1] + 1, value], 1) if stage == 4 else value
            )
            theirs['cls_token'] = torch.rand(1, 1, 2)
        else:
            number, _, name = name.partition('.')
            block = f'block{stage}.{int(number) - has_positions}'
            if 'in_proj_' in name:
                query, both = value.split([len(value) // 3, len(value) * 2 // 3])
                theirs[f'{block}.attn.q.{name.rpartition("_")[2]}'] = query
                theirs[f'{block}.attn.kv.{name.rpartition("_")[2]}'] = both
                continue
            names = {'attn.attn.out_proj': 'attn.proj', 'layers.0': 'fc1', 'ffn.': 'mlp.'}
            names |= {'layers.1': 'dwconv.dwconv', 'layers.3': 'fc2', 'layers.4': 'fc2'}
            for ours, other in names.items():
                name = name.replace(ours, other)
            linear = '.fc' in name and value.ndim == 4
            theirs[f'{block}.{name}'] = value[..., 0, 0] if linear else value
    return theirs


@pytest.mark.parametrize('cls', [PyramidVisionTransformer, PyramidVisionTransformerV2])
def test_the_authors_file(cls, tmp_path):
    has_positions = cls is PyramidVisionTransformer
    theirs = authors(cls(**ONE_EACH).state_dict(), has_positions)
    torch.save(theirs, tmp_path / 'pvt.pth')
    # mmdet's configs have no type here
    backbone = cls(**ONE_EACH, init_cfg=dict(checkpoint=str(tmp_path / 'pvt.pth')))
    backbone.init_weights()
    found = backbone.convert_pretrained(theirs)
    assert set(found) == set(backbone.state_dict())
    block = backbone.layers[3][1][-1]
    both = [theirs[f'block4.0.attn.{part}.weight'] for part in ('q', 'kv')]
    assert torch.equal(block.attn.attn.in_proj_weight, torch.cat(both))
    assert torch.equal(block.ffn.layers[-2].bias, theirs['block4.0.mlp.fc2.bias'])
    if has_positions:
        assert torch.equal(backbone.layers[3][1][0].pos_embed, theirs['pos_embed4'][:, 1:])


def test_arguments_that_do_not_fit():
    with pytest.raises(ConfigError, match='V2: sr_ratios has one value for each of 4 stages'):
        PyramidVisionTransformerV2(**ONE_EACH, sr_ratios=(8, 4))
    with pytest.raises(ConfigError, match=r'out_indices lie in 0\.\.3, found \(4,\)'):
        PyramidVisionTransformer(**ONE_EACH, out_indices=(4,))
