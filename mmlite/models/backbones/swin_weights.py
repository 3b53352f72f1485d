"""The weights of Swin Transformer's authors under mmdet's names."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

_NAMES = {
    'layers.': 'stages.',
    'patch_embed.proj.': 'patch_embed.projection.',
    '.attn.': '.attn.w_msa.',
    '.mlp.fc1.': '.ffn.layers.0.0.',
    '.mlp.fc2.': '.ffn.layers.1.',
}


def swin_from_original(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Renames the authors' tensors; leaves those of another file as they are.

    The authors merge patches in the order top left, bottom left, top right, bottom right, all
    channels of one after the other; mmdet has, of each channel, the four in the order of reading.
    """
    if not any(key.startswith('layers.') for key in state_dict):
        return dict(state_dict)
    own = {}
    for key, value in state_dict.items():
        if key.startswith(('head.', 'norm.')) or key.endswith('attn_mask'):
            continue  # of the classifier; a mask is made for each input
        for theirs, ours in _NAMES.items():
            key = key.replace(theirs, ours, 1)
        if '.downsample.' in key:
            value = _in_order_of_reading(value)
        own[key] = value
    return own


def _in_order_of_reading(value: Tensor) -> Tensor:
    """(..., 4C), four times C -> (..., 4C), C times four."""
    return value.unflatten(-1, (4, -1))[..., [0, 2, 1, 3], :].transpose(-1, -2).flatten(-2)


def fitted_to(state_dict: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Makes the tables of a model with windows of another size fit, as the paper's section 4.1.

    Args:
        state_dict: weights under the model's names.
        own: the state dict of the model.
    """
    fitted = {}
    for key, value in state_dict.items():
        if key in own and key.endswith('relative_position_index'):
            value = own[key]  # it follows from the size
        elif key in own and key.endswith('relative_position_bias_table'):
            value = _resized(value, own[key])
        fitted[key] = value
    return fitted


def _resized(table: Tensor, like: Tensor) -> Tensor:
    """(side * side, heads) of one window size to that of another, by bicubic interpolation."""
    if table.shape[1:] != like.shape[1:] or len(table) == len(like):
        return table
    side, wanted = (round(len(t) ** 0.5) for t in (table, like))
    grid = table.T.reshape(1, -1, side, side)
    return F.interpolate(grid, (wanted, wanted), mode='bicubic').flatten(2)[0].T.contiguous()
