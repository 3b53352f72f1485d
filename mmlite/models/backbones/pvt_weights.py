"""The weights of PVT's authors under mmdet's names."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_CLASSIFIER = ('head.', 'norm.', 'cls_token')
_STAGE = re.compile(r'(patch_embed|pos_embed|block|norm)(\d)(?:\.|$)')


def pvt_from_original(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames the authors' tensors; leaves those of another file as they are."""
    if not any(key.startswith('block1.') for key in state_dict):
        return dict(state_dict)
    first_block = int('pos_embed1' in state_dict)  # the positions are first in their stage
    has_conv = any('.dwconv.' in key for key in state_dict)
    own = {}
    for key, value in state_dict.items():
        found = _STAGE.match(key)
        if key.startswith(_CLASSIFIER) or found is None or '.attn.kv.' in key:
            continue
        kind, stage, rest = found[1], int(found[2]) - 1, key[found.end() :]
        if kind == 'pos_embed':
            # the last stage of the classifier has a token for the class, the first
            is_classifiers = 'cls_token' in state_dict and f'pos_embed{stage + 2}' not in state_dict
            own[f'layers.{stage}.1.0.pos_embed'] = value[:, 1:] if is_classifiers else value
        elif kind == 'patch_embed':
            own[f'layers.{stage}.0.{rest.replace("proj.", "projection.")}'] = value
        elif kind == 'norm':
            own[f'layers.{stage}.2.{rest}'] = value
        else:
            number, _, rest = rest.partition('.')
            if rest.startswith('attn.q.'):
                value = torch.cat([value, state_dict[key.replace('.q.', '.kv.')]])
            block = f'layers.{stage}.1.{int(number) + first_block}'
            name = _in_block(rest, '4' if has_conv else '3')
            own[f'{block}.{name}'] = _as_convolution(name, value)
    return own


def _in_block(rest: str, second: str) -> str:
    """Renames what is inside of a block; `second` is the place of the second linear layer."""
    names = {
        'attn.q.': 'attn.attn.in_proj_',
        'attn.proj.': 'attn.attn.out_proj.',
        'mlp.fc1.': 'ffn.layers.0.',
        'mlp.dwconv.dwconv.': 'ffn.layers.1.',
        'mlp.fc2.': f'ffn.layers.{second}.',
    }
    for theirs, ours in names.items():
        if rest.startswith(theirs):
            return ours + rest.removeprefix(theirs)
    return rest


def _as_convolution(name: str, value: Tensor) -> Tensor:
    """Linear layers of the second part are 1x1 convolutions: (out, in) -> (out, in, 1, 1)."""
    return value[..., None, None] if name.startswith('ffn.') and value.ndim == 2 else value
