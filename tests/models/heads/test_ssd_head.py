"""SSDHead: background is last in its weights, as in mmdet's files, and first in its scores."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.checkpoints.loading import load_weights
from mmlite.errors import ConfigError
from mmlite.models.heads import SSDHead
from mmlite.registry import HEADS
from tests.models.tiny import tiny_ssd


def build(**changes) -> SSDHead:
    model = tiny_ssd()
    torch.manual_seed(0)
    return HEADS.build({**model['bbox_head'], **changes})


def test_background_is_last_in_the_weights_and_first_in_the_scores():
    head = build()
    with torch.no_grad():
        for convs in (*head.cls_convs, *head.reg_convs):
            convs[0].weight.zero_()
        # 4 priors of 4 outputs: of prior a the classes are 10a + 1..3, the background is 10a
        head.cls_convs[0][0].bias.copy_(
            Tensor([10 * a + k for a in range(4) for k in (1, 2, 3, 0)])
        )
    feats = [torch.zeros(1, 32, 1, 1), torch.zeros(1, 64, 1, 1), torch.zeros(1, 16, 1, 1)]
    cls_score = head(feats)['cls_score']
    assert cls_score[0, :4].tolist() == [[10.0 * a + k for k in range(4)] for a in range(4)]


def test_the_state_dict_holds_the_parameters_themselves():
    # averages, broadcasts and other programs write into it
    head = build()
    for name, parameter in head.named_parameters():
        assert head.state_dict()[name].data_ptr() == parameter.data_ptr(), name


def test_another_number_of_classes_is_reported_not_mixed_up():
    # 4 priors of 4 outputs in the file are no whole number of priors of 5
    file = build().state_dict()
    head = build(num_classes=4)
    with pytest.raises(RuntimeError, match=r'size mismatch for cls_convs\.0\.0\.weight'):
        head.load_state_dict(file)
    report = load_weights(head, file, 'three.pth')
    assert report.wrong_shape == [key for key in file if key.startswith('cls_convs')]
    assert torch.equal(head.reg_convs[1][0].weight, file['reg_convs.1.0.weight'])


def test_outputs_are_rows_columns_then_priors():
    head = build()
    with torch.no_grad():
        for convs in (head.cls_convs, head.reg_convs):
            for (conv,) in convs:
                conv.weight.zero_()
                # channel c of the last prior looks at the input's channel 0
                conv.weight[-1, 0, 1, 1] = 1
                conv.bias.zero_()
    feat = torch.zeros(1, 32, 2, 3)
    feat[0, 0] = torch.arange(6.0).reshape(2, 3)
    outs = head([feat, torch.zeros(1, 64, 1, 1), torch.zeros(1, 16, 1, 1)])
    # 6 + 1 + 1 cells, 4 priors each
    assert outs['cls_score'].shape == (1, 32, 4) and outs['bbox_pred'].shape == (1, 32, 4)
    # the last output of a prior is its background, which the scores have first
    for key, last in (('cls_score', 0), ('bbox_pred', 3)):
        per_cell = outs[key][0, :24].reshape(2, 3, 4, 4)
        assert torch.equal(per_cell[:, :, 3, last], feat[0, 0])
        assert per_cell[:, :, :3].abs().sum() == 0


def test_ratio_and_beta_of_train_cfg_reach_the_losses():
    head = build(train_cfg=dict(neg_pos_ratio=5, smoothl1_beta=0.25))
    assert (head.loss_cls.neg_pos_ratio, head.loss_bbox.beta) == (5, 0.25)
    assert (build().loss_cls.neg_pos_ratio, build().loss_bbox.beta) == (3, 1.0)


def test_levels_must_agree_with_the_priors():
    with pytest.raises(ConfigError, match='in_channels has 2 levels, anchor_generator has 3'):
        build(in_channels=(32, 64))


FEATS = [torch.rand(2, 32, 4, 4), torch.rand(2, 64, 2, 2), torch.rand(2, 16, 1, 1)]


def test_ssdlite_is_depthwise_throughout_with_mmdets_keys():
    layers = dict(norm_cfg=dict(type='BN', eps=0.001), act_cfg=dict(type='ReLU6'))
    head = build(use_depthwise=True, **layers)
    first = {k: tuple(v.shape) for k, v in head.state_dict().items() if k.startswith('cls_convs.0')}
    # 4 priors of 4 outputs
    assert first.pop('cls_convs.0.0.conv.weight') == (32, 1, 3, 3)
    assert first.pop('cls_convs.0.1.weight') == (16, 32, 1, 1)
    assert first.pop('cls_convs.0.1.bias') == (16,)
    assert all(key.startswith('cls_convs.0.0.bn.') for key in first)
    assert isinstance(head.cls_convs[0][0].activate, torch.nn.ReLU6)
    assert head(FEATS)['cls_score'].shape == (2, 4 * 21, 4)


@pytest.mark.parametrize(
    ('use_depthwise', 'keys'),
    [
        (False, ['0.conv.weight', '1.conv.weight', '2.weight']),
        (
            True,
            [
                *('0.depthwise_conv.conv.weight', '0.pointwise_conv.conv.weight'),
                *('1.depthwise_conv.conv.weight', '1.pointwise_conv.conv.weight'),
                *('2.conv.weight', '3.weight'),
            ],
        ),
    ],
)
def test_stacked_convolutions(use_depthwise, keys):
    head = build(stacked_convs=2, feat_channels=8, use_depthwise=use_depthwise)
    prefix = 'reg_convs.1.'
    found = [k.removeprefix(prefix) for k in head.state_dict() if k.startswith(prefix)]
    assert [key for key in found if key.endswith('weight')] == keys
    assert head(FEATS)['bbox_pred'].shape == (2, 4 * 21, 4)
