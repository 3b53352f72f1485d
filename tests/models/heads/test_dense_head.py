"""The pipeline of every dense head, on a head with two levels whose outputs are given by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import DenseHead, flatten_levels
from mmlite.registry import HEADS

# one prior a cell: 8x8 at stride 8 on a 2x2 map, then 16x16 at stride 16 on a 1x1 map
FEATS = [torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)]
PRIORS = Tensor([[0, 0, 8, 8], [8, 0, 16, 8], [0, 8, 8, 16], [8, 8, 16, 16], [0, 0, 16, 16]])
META = dict(img_shape=(16, 16, 3), pad_shape=(16, 16, 3), batch_input_shape=(16, 16))
ONE_PRIOR = dict(
    type='SSDAnchorGenerator',
    strides=[8, 16],
    ratios=[[], []],
    min_sizes=[8, 16],
    max_sizes=[8, 16],
)


class GivenHead(DenseHead):
    """A head whose outputs are `outs`."""

    outs: dict[str, Tensor]

    def forward(self, feats):
        return self.outs

    def score_factor(self, outs):
        return outs.get('factor')


class Recorder(nn.Module):
    """A loss that keeps what it is given."""

    on_decoded = True

    def forward(self, *args):
        self.args = args
        return args[0].sum()


def build(test_cfg=None, **outs) -> GivenHead:
    head = GivenHead(
        num_classes=2,
        prior_generator=ONE_PRIOR,
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='HardNegativeCrossEntropyLoss'),
        loss_bbox=dict(type='SmoothL1Loss'),
        train_cfg=dict(
            assigner=dict(
                type='MaxIoUAssigner', pos_iou_thr=0.6, neg_iou_thr=0.4, ignore_iof_thr=0.9
            )
        ),
        test_cfg=test_cfg,
    )
    # SSD has a square of the geometric mean too; here one prior a cell keeps the numbers few
    generator = head.prior_generator
    generator.base_priors = [base[:1] for base in generator.base_priors]
    head.outs = outs
    return head


def test_priors_and_their_number():
    head = build(cls_score=torch.zeros(1, 5, 3))
    _, priors, num_per_level = head.forward_with_priors(FEATS)
    assert torch.equal(priors, PRIORS) and num_per_level == [4, 1]
    with pytest.raises(ConfigError, match='predicts 7 boxes an image, SSDAnchorGenerator makes 5'):
        build(cls_score=torch.zeros(1, 7, 3)).forward_with_priors(FEATS)


def test_another_number_of_feature_maps_is_refused_before_the_head_runs():
    with pytest.raises(ConfigError, match=r'has 2 strides.* the model gives 1 feature maps'):
        build().forward_with_priors(FEATS[:1])


def test_targets_gather_labels_and_boxes():
    gt_bboxes = [Tensor([[8, 0, 16, 7], [0, 8, 8, 16]]), torch.zeros(0, 4)]
    gt_labels = [torch.tensor([2, 1]), torch.zeros(0, dtype=torch.int64)]
    ignored = [torch.zeros(0, 4), Tensor([[8, 8, 16, 16]])]
    labels, matched = build().get_targets(
        PRIORS, [4, 1], FEATS, [META, META], gt_bboxes, gt_labels, ignored
    )
    # IoU of prior 1 with the first box 7/8, of prior 2 with the second 1, all others below 0.4
    assert labels.tolist() == [[0, 2, 1, 0, 0], [0, 0, 0, -1, 0]]
    assert matched[0, 1].tolist() == [8, 0, 16, 7] and matched[0, 2].tolist() == [0, 8, 8, 16]
    assert matched[0, [0, 3, 4]].abs().sum() == 0 and matched[1].abs().sum() == 0


def test_priors_outside_the_own_padding_of_an_image_are_ignored():
    # 16 high, 8 wide: the left column of level 0; level 1's only cell still sees the image
    meta = {**META, 'pad_shape': (16, 8, 3)}
    labels, _ = build().get_targets(
        PRIORS, [4, 1], FEATS, [meta], [Tensor([[0, 8, 8, 16]])], [torch.tensor([2])], None
    )
    assert labels.tolist() == [[0, -1, 2, -1, 0]]


LABELS = torch.tensor([[0, 2, 1, 0, 0], [0, 0, 0, -1, 0], [1, 0, 0, 0, 0]])


def test_avg_factor_counts_one_positive_at_least_in_each_image():
    head = build()
    head.loss_cls, head.loss_bbox = Recorder(), Recorder()
    outs = dict(cls_score=torch.zeros(3, 5, 3), bbox_pred=torch.zeros(3, 5, 4))
    losses = head.loss_terms(outs, PRIORS, LABELS, torch.zeros(3, 5, 4))
    assert set(losses) == {'loss_cls', 'loss_bbox'}
    # 2 + max(0, 1) + 1
    assert head.loss_cls.args[2].item() == head.loss_bbox.args[2].item() == 4
    assert head.loss_bbox.args[3].tolist() == (LABELS > 0).flatten().tolist()  # the weights


def test_box_loss_compares_deltas_or_decoded_boxes():
    head = build()
    matched = torch.zeros(3, 5, 4)
    matched[LABELS > 0] = Tensor([[8, 0, 16, 8], [4, 8, 12, 16], [0, 0, 8, 8]])
    pos = LABELS > 0
    # what the other priors predict must not reach the loss, be it ever so large
    outs = dict(bbox_pred=torch.full((3, 5, 4), torch.inf).masked_fill(pos[..., None], 0))
    # prior 1 and prior 0 meet their boxes; prior 2 is 4 of its 8 pixels off
    deltas, targets = head.bbox_pairs(outs, PRIORS, pos, matched)
    assert deltas.abs().sum() == 0
    assert targets[pos.flatten()].tolist() == [[0, 0, 0, 0], [0.5, 0, 0, 0], [0, 0, 0, 0]]
    assert targets[~pos.flatten()].abs().sum() == 0
    head.loss_bbox = Recorder()
    bboxes, targets = head.bbox_pairs(outs, PRIORS, pos, matched)
    assert torch.equal(bboxes, PRIORS.repeat(3, 1))
    assert torch.equal(targets[pos.flatten()], matched[pos])
    assert torch.equal(targets[~pos.flatten()], PRIORS.repeat(3, 1)[~pos.flatten()])


def logits(*probabilities: tuple[float, float]) -> Tensor:
    """(1, R, 3) logits whose softmax gives classes 1 and 2 these probabilities."""
    return Tensor([[(1 - a - b), a, b] for a, b in probabilities]).log()[None]


def outputs(**extra) -> dict:
    scores = logits((0.6, 0.1), (0.2, 0.5), (0.01, 0.02), (0.3, 0.01), (0.7, 0.05))
    return dict(cls_score=scores, bbox_pred=torch.zeros(1, 5, 4), **extra)


def found(head: DenseHead, **meta) -> list[tuple]:
    (result,) = head.predict(FEATS, [{**META, **meta}], rescale='scale_factor' in meta)
    scores = [round(score, 3) for score in result['scores'].tolist()]
    boxes = [tuple(box) for box in result['bboxes'].tolist()]
    return list(zip(scores, result['labels'].tolist(), boxes, strict=True))


def boxes_of(*inds: int) -> list[tuple]:
    return [tuple(PRIORS[i].tolist()) for i in inds]


def test_detections_best_first():
    # above 0.25: (prior 4, 0.7), (0, 0.6), (1, 0.5), (3, 0.3); deltas of 0 leave the priors
    assert found(build(dict(score_thr=0.25), **outputs())) == list(
        zip([0.7, 0.6, 0.5, 0.3], [1, 1, 2, 1], boxes_of(4, 0, 1, 3), strict=True)
    )


def test_iou_threshold_of_nms_in_both_spellings():
    # priors 0 and 3 have IoU 64/256 with prior 4, which is of their class and better
    for test_cfg in (dict(nms=dict(type='nms', iou_threshold=0.2)), dict(iou_thr=0.2)):
        kept = found(build(dict(score_thr=0.25, **test_cfg), **outputs()))
        assert [row[2] for row in kept] == boxes_of(4, 1)


def test_limits_on_detections():
    assert len(found(build(dict(score_thr=0.25, max_per_img=2), **outputs()))) == 2
    # one pair of each level: 0.6 of the first, 0.7 of the second
    pre = found(build(dict(score_thr=0.25, nms_pre=1), **outputs()))
    assert [row[0] for row in pre] == [0.7, 0.6]
    # sides of 8 are not above 8
    large = found(build(dict(score_thr=0.25, min_bbox_size=8), **outputs()))
    assert [row[2] for row in large] == boxes_of(4)


def test_nothing_found():
    head = build(dict(score_thr=0.9), **outputs())
    (result,) = head.predict(FEATS, [META])
    assert {key: tuple(value.shape) for key, value in result.items()} == dict(
        bboxes=(0, 4), scores=(0,), labels=(0,)
    )


def test_score_factor_ranks_but_does_not_take_part_in_the_threshold():
    factor = Tensor([[0.1, 1, 1, 1, 0.5]])
    kept = found(build(dict(score_thr=0.25), **outputs(factor=factor)))
    # 0.6 * 0.1 is still there, now last
    assert [row[0] for row in kept] == [0.5, 0.35, 0.3, 0.06]


def test_clipped_to_the_image_then_rescaled():
    kept = found(
        build(dict(score_thr=0.65), **outputs()), img_shape=(16, 12, 3), scale_factor=[2, 4, 2, 4]
    )
    assert kept == [(0.7, 1, (0, 0, 6, 4))]


def test_flatten_levels():
    # A = 2 priors of 3 channels on a 1x2 map: value 100 * cell + channel
    cells, channels = torch.arange(2.0) * 100, torch.arange(6.0)
    level = (channels[:, None] + cells).reshape(1, 6, 1, 2)
    flat = flatten_levels([level, level[..., :1]], 3)
    expected = [[0, 1, 2], [3, 4, 5], [100, 101, 102], [103, 104, 105], [0, 1, 2], [3, 4, 5]]
    assert flat.tolist() == [expected]


def test_a_part_that_nobody_gives_is_named_with_its_place() -> None:
    cfg = dict(type=GivenHead, num_classes=2, prior_generator=ONE_PRIOR)
    with pytest.raises(ConfigError, match=r"^model\.bbox_head: GivenHead: .* 'bbox_coder'"):
        HEADS.build(cfg, at='model.bbox_head')


class ByPosition(DenseHead):
    """A head as docs/writing_a_head.md showed them with mmlite 0.1."""

    def __init__(self, num_classes, priors, coder, train_cfg=None, test_cfg=None):
        loss_cls, loss_bbox = dict(type='FocalLoss'), dict(type='L1Loss')
        super().__init__(num_classes, priors, coder, loss_cls, loss_bbox, train_cfg, test_cfg)


def test_heads_written_for_mmlite_0_1_go_on_working() -> None:
    coder, priors = dict(type='DeltaXYWHBBoxCoder'), ONE_PRIOR
    with pytest.warns(FutureWarning, match='ByPosition: pass prior_generator, bbox_coder, '):
        head = ByPosition(3, priors, coder, None, dict(score_thr=0.3))
    assert head.test_cfg['score_thr'] == 0.3 and head.assigner is None
    assert type(head.loss_bbox).__name__ == 'L1Loss'
