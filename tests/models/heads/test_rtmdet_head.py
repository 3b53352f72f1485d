"""RTMDet's heads: layers that levels share, distances, losses, and priors in the padding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.models.heads import DenseHead
from mmlite.models.heads.rtmdet_head import geometric_mean
from tests.models.tiny import BOXES, FEATS, LABELS, META, losses, tiny_head

KINDS = ('RTMDetHead', 'RTMDetSepBNHead')


def build(kind: str = 'RTMDetSepBNHead', **changes) -> DenseHead:
    args = dict(
        anchor_generator=dict(type='MlvlPointGenerator', offset=0, strides=[8, 16]),
        norm_cfg=dict(type='BN'),
        with_objectness=False,
        train_cfg=dict(assigner=dict(type='DynamicSoftLabelAssigner', topk=13)),
    )
    return tiny_head(kind, **{**args, **changes})


def test_levels_share_convolutions_and_no_norms() -> None:
    head = build()
    assert head.cls_convs[0][0].conv is head.cls_convs[1][0].conv
    assert head.cls_convs[0][0].bn is not head.cls_convs[1][0].bn
    names = {'cls_convs.0.0.conv.weight', 'cls_convs.1.0.conv.weight', 'rtm_reg.1.bias'}
    assert names <= set(head.state_dict())
    assert 'cls_convs.1.0.conv.weight' not in dict(head.named_parameters())
    own = build(share_conv=False)
    assert own.reg_convs[0][0].conv is not own.reg_convs[1][0].conv


def test_depthwise_convolutions_are_shared_too() -> None:
    head = build(use_depthwise=True)
    first, second = head.cls_convs[0][0], head.cls_convs[1][0]
    assert first.depthwise_conv.conv is second.depthwise_conv.conv
    assert first.pointwise_conv.conv is second.pointwise_conv.conv


@pytest.mark.parametrize('exp_on_reg', [True, False])
def test_distances_are_in_pixels(exp_on_reg: bool) -> None:
    head = build(exp_on_reg=exp_on_reg)
    for conv in head.rtm_reg:
        torch.nn.init.zeros_(conv.weight)
        torch.nn.init.constant_(conv.bias, -1.0)
    pred = head(FEATS)['bbox_pred']  # 96 cells of stride 8, 24 of stride 16
    unit = torch.tensor(-1.0).exp() if exp_on_reg else torch.tensor(-1.0)
    torch.testing.assert_close(pred[:, :96], (8 * unit).expand(2, 96, 4))
    torch.testing.assert_close(pred[:, 96:], (16 * unit).expand(2, 24, 4))


def test_the_plain_head_has_a_factor_for_each_level() -> None:
    head = build('RTMDetHead')
    with torch.no_grad():
        first = head(FEATS)['bbox_pred']
        head.scales[1].scale.fill_(3)
        second = head(FEATS)['bbox_pred']
    assert torch.equal(first[:, :96], second[:, :96])
    torch.testing.assert_close(3 * first[:, 96:], second[:, 96:])


def test_geometric_mean_of_two_scores() -> None:
    scores = Tensor([[0.8, 0.2]]).logit()[..., None, None], Tensor([[0.5]]).logit()[..., None, None]
    # sqrt(0.8 * 0.5) = 0.632, sqrt(0.2 * 0.5) = 0.316
    found = geometric_mean(*scores).sigmoid().flatten()
    torch.testing.assert_close(found, Tensor([0.4, 0.1]).sqrt())


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('with_objectness', [True, False])
def test_every_weight_gets_a_gradient(kind: str, with_objectness: bool) -> None:
    head = build(kind, with_objectness=with_objectness)
    assert set(losses(head)) == {'loss_cls', 'loss_bbox'}
    assert [name for name, p in head.named_parameters() if p.grad is None] == []
    assert (head.rtm_cls[0] if 'Sep' in kind else head.rtm_cls).bias[0].item() < -4  # score 0.01


def test_losses_by_hand() -> None:
    """Two priors: one with the IoU 0.5 as its quality, one of background."""
    head = build(loss_bbox=dict(type='IoULoss', mode='linear', loss_weight=2.0))
    priors = Tensor([[-4, -4, 4, 4], [4, -4, 12, 4]])  # around (0, 0) and (8, 0)
    outs = dict(
        cls_score=torch.zeros(1, 2, 3),
        # 4 wide and 8 high of a box of 8 x 8
        bbox_pred=Tensor([[[0, 0, 4, 8], [1, 1, 1, 1]]]),
    )
    labels, quality = torch.tensor([[2, 0]]), Tensor([[0.5, 0]])
    matched = Tensor([[[0, 0, 8, 8], [0, 0, 0, 0]]])
    found = head.loss_terms(outs, priors, labels, matched, quality)
    # |0.5 - 0.5|^2 for the class that is there; five entries have 0.5^2 * log 2 = 0.173
    torch.testing.assert_close(found['loss_cls'], 5 * 0.25 * torch.tensor(2.0).log())
    # 2 * (1 - 0.5) * 0.5, over max(0.5, 1)
    assert found['loss_bbox'].item() == pytest.approx(0.5)


def test_without_boxes_only_the_scores_have_a_loss() -> None:
    none = ([torch.zeros(0, 4)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2)
    found = losses(build(), *none)
    assert found['loss_bbox'] == 0 < found['loss_cls']


def test_priors_in_the_padding_of_an_image_are_ignored() -> None:
    head = build()
    outs, priors, counts = head.forward_with_priors(FEATS)
    metas = [META, {**META, 'pad_shape': (64, 48, 3)}]  # half as wide: 6 of 12 columns, 3 of 6
    found = head.predictions(outs, priors)
    labels, _, quality = head.get_targets(priors, counts, FEATS, metas, BOXES, LABELS, None, found)
    assert (labels[0] >= 0).all() and (labels[1] < 0).sum() == 8 * 6 + 4 * 3
    assert (quality[labels <= 0] == 0).all() and (quality[labels > 0] >= 0).all()


def test_ignored_boxes_change_nothing() -> None:
    """As in mmdet, whose assigner never reads them."""
    head = build()
    first = losses(head)
    ignored = [Tensor([[0, 0, 96, 64]])] * 2
    second = head.loss(FEATS, [META, META], BOXES, LABELS, ignored)
    assert {key: value.item() for key, value in second.items()} == pytest.approx(first)
