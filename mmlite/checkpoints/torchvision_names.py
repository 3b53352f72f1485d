"""The names that torchvision's detectors have for the weights of ours."""

from __future__ import annotations

import re

from torch import nn


def current_name(key: str) -> str:
    """Files of torchvision before 0.13 lack a level of names in FPN, RPN and RetinaNet's towers."""
    tower = re.match(r'(head\.\w+_head\.conv)\.(\d+)\.(\w+)$', key)
    if tower:  # convolution, ReLU, convolution, ...
        return f'{tower[1]}.{int(tower[2]) // 2}.0.{tower[3]}'
    key = re.sub(r'^rpn\.head\.conv\.(weight|bias)$', r'rpn.head.conv.0.0.\1', key)
    return re.sub(r'(\.fpn\.\w+_blocks\.\d+)\.(weight|bias)$', r'\1.0.\2', key)


def torchvision_name(key: str, model: nn.Module) -> str:
    """Returns the name that torchvision has for a tensor of this model."""
    if hasattr(model.neck, 'extra_layers'):
        return _ssd_name(key)
    if key.startswith('backbone.'):
        inner = key.removeprefix('backbone.').removeprefix('body.')  # of a TorchvisionBackbone
        return f'backbone.body.{inner.removeprefix("features.")}'
    if key.startswith('neck.'):
        return _fpn_name(key, model)
    if hasattr(model, 'roi_head'):
        return _two_stage_name(key, model)
    return _fpn_head_name(key, model)


def _fpn_name(key: str, model: nn.Module) -> str:
    layer = re.match(r'neck\.(lateral|fpn)_convs\.(\d+)\.(conv|bn)\.(\w+)$', key)
    if not layer:
        return key
    kind, number, place = layer[1], int(layer[2]), int(layer[3] == 'bn')
    if kind == 'lateral':
        return f'backbone.fpn.inner_blocks.{number}.{place}.{layer[4]}'
    inner = len(model.neck.lateral_convs)
    # the names P6 and P7 are for three levels from the backbone, P3 to P5
    extra = f'extra_blocks.p{number + 3}'
    block = f'layer_blocks.{number}.{place}' if number < inner else extra
    return f'backbone.fpn.{block}.{layer[4]}'


def _two_stage_name(key: str, model: nn.Module) -> str:
    conv = re.match(r'rpn_head\.rpn_conv\.(?:(\d+)\.conv\.)?(weight|bias)$', key)
    if conv:
        return f'rpn.head.conv.{conv[1] or 0}.0.{conv[2]}'
    conv = re.match(r'roi_head\.bbox_head\.shared_convs\.(\d+)\.(conv|bn)\.(\w+)$', key)
    if conv:
        return f'roi_heads.box_head.{conv[1]}.{int(conv[2] == "bn")}.{conv[3]}'
    linear = re.match(r'roi_head\.bbox_head\.shared_fcs\.(\d+)\.(\w+)$', key)
    if linear:
        number, convs = int(linear[1]), len(model.roi_head.bbox_head.shared_convs)
        # behind convolutions: flatten, linear layer, ReLU, linear layer, ...
        place = convs + 1 + 2 * number if convs else f'fc{number + 6}'
        return f'roi_heads.box_head.{place}.{linear[2]}'
    key = re.sub(r'^rpn_head\.rpn_cls\.', 'rpn.head.cls_logits.', key)
    key = re.sub(r'^rpn_head\.rpn_reg\.', 'rpn.head.bbox_pred.', key)
    key = re.sub(r'^roi_head\.bbox_head\.fc_cls\.', 'roi_heads.box_predictor.cls_score.', key)
    return re.sub(r'^roi_head\.bbox_head\.fc_reg\.', 'roi_heads.box_predictor.bbox_pred.', key)


def _fpn_head_name(key: str, model: nn.Module) -> str:
    for short, name in (('cls', 'classification'), ('reg', 'regression')):
        tower = re.match(rf'bbox_head\.{short}_convs\.(\d+)\.(conv|gn)\.(\w+)$', key)
        if tower:
            number, is_norm = int(tower[1]), tower[2] == 'gn'
            if hasattr(model.bbox_head, 'conv_centerness'):  # FCOS: convolution, norm, ReLU, ...
                place = str(3 * number + is_norm)
            else:
                place = f'{number}.{int(is_norm)}'
            return f'head.{name}_head.conv.{place}.{tower[3]}'
    key = re.sub(r'^bbox_head\.(retina|conv)_cls\.', 'head.classification_head.cls_logits.', key)
    key = re.sub(r'^bbox_head\.retina_reg\.', 'head.regression_head.bbox_reg.', key)
    key = re.sub(r'^bbox_head\.conv_reg\.', 'head.regression_head.bbox_reg.', key)
    return re.sub(r'^bbox_head\.conv_centerness\.', 'head.regression_head.bbox_ctrness.', key)


def _ssd_name(key: str) -> str:
    layer = re.match(r'backbone\.features\.(\d+)\.(\w+)$', key)
    if layer:
        number = int(layer[1])
        if number >= 31:  # fc6 and fc7 come after a pooling of their own
            return f'backbone.extra.0.7.{number - 30}.{layer[2]}'
        return key if number < 23 else f'backbone.extra.0.{number - 23}.{layer[2]}'
    extra = re.match(r'neck\.extra_layers\.(\d+)\.(\d)\.conv\.(\w+)$', key)
    if extra:
        return f'backbone.extra.{int(extra[1]) + 1}.{2 * int(extra[2])}.{extra[3]}'
    key = re.sub(r'^neck\.l2_norm\.weight$', 'backbone.scale_weight', key)
    for short, name in (('cls', 'classification'), ('reg', 'regression')):
        key = re.sub(
            rf'^bbox_head\.{short}_convs\.(\d+)\.0\.', rf'head.{name}_head.module_list.\1.', key
        )
    return key
