"""The detector as a whole, small: losses, detections, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.models.heads.dense_head import head_with_priors
from mmlite.models.matching_parts import check_parts_fit

from .plain_head import PlainHead
from .tiny import NUM_PRIORS, batch, tiny_ssd


def build(**changes):
    torch.manual_seed(0)
    detector = build_detector(tiny_ssd(**changes))
    detector.init_weights()
    return detector


def test_wrong_input_size_names_both_and_the_way_out():
    with pytest.raises(
        ConfigError, match=r'64x64 pixels, the batch is 48x64 \(w x h\).*\(64, 64\)'
    ):
        build(input_size=64)(**batch((64, 48)))


def test_training_lowers_the_loss():
    detector = build().train()
    inputs = batch((64, 64), (64, 64))
    optimizer = torch.optim.SGD(detector.parameters(), lr=0.02, momentum=0.9)
    totals = []
    for _ in range(15):
        losses = detector(**inputs)
        assert set(losses) == {'loss_cls', 'loss_bbox'}
        total = sum(losses.values())
        assert total.ndim == 0
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.5 * totals[0]


@pytest.mark.parametrize('empty', [[0], [0, 1]], ids=['one', 'both'])
def test_an_image_without_boxes_gives_the_same_losses_and_finite_gradients(empty):
    detector = build().train()
    inputs = batch((64, 64), (64, 64))
    for i in empty:
        inputs['gt_bboxes'][i] = torch.zeros(0, 4)
        inputs['gt_labels'][i] = torch.zeros(0, dtype=torch.int64)
    losses = detector(**inputs)
    sum(losses.values()).backward()
    assert set(losses) == {'loss_cls', 'loss_bbox'}
    for name, parameter in detector.named_parameters():
        assert parameter.grad is not None, name  # DDP waits for every one of them
        assert torch.isfinite(parameter.grad).all(), name
    if len(empty) == 2:  # no positives, hence no negatives either
        assert [loss.item() for loss in losses.values()] == [0, 0]


def test_forward_preprocesses_and_loss_does_not():
    detector = build().train()
    inputs = batch((64, 64), (64, 64))
    through_forward = detector(**inputs)
    img, metas = inputs.pop('img'), inputs.pop('img_metas')
    normalised = detector.data_preprocessor(img, metas)
    direct = detector.loss(normalised, metas, inputs['gt_bboxes'], inputs['gt_labels'])
    assert {k: v.item() for k, v in direct.items()} == {
        k: v.item() for k, v in through_forward.items()
    }


def test_priors_outside_an_images_own_padding_are_ignored():
    """A small image beside a larger one: the cells that see nothing of it teach nothing."""
    detector = build().train()
    inputs = batch((64, 64), (64, 30))
    head, metas = detector.bbox_head, inputs['img_metas']
    feats = detector.extract_feat(detector.data_preprocessor(inputs['img'], metas))
    outs, priors, num_per_level = head.forward_with_priors(feats)
    assert outs['cls_score'].shape == (2, NUM_PRIORS, 4)
    boxes = inputs['gt_bboxes'], inputs['gt_labels'], None
    labels, matched = head.get_targets(priors, num_per_level, feats, metas, *boxes)
    # 30 of 64 wide: 2 of 4 columns at stride 16, 1 of 2 at 32, the only one at 64; 4 priors each
    widths = [label.reshape(side, side, 4) for label, side in zip(
        labels[1].split(num_per_level), (4, 2, 1), strict=True
    )]  # fmt: skip
    assert (widths[0][:, 2:] == -1).all() and (widths[0][:, :2] != -1).all()
    assert (widths[1][:, 1:] == -1).all() and (widths[1][:, :1] != -1).all()
    assert (widths[2] != -1).all() and (labels[0] != -1).all()

    losses = head.loss_terms(outs, priors, labels, matched)
    outside = labels == -1
    worse = {key: torch.where(outside[..., None], 50.0, value) for key, value in outs.items()}
    changed = head.loss_terms(worse, priors, labels, matched)
    assert {k: v.item() for k, v in changed.items()} == {k: v.item() for k, v in losses.items()}
    whole = detector(**inputs)
    assert {k: v.item() for k, v in whole.items()} == pytest.approx(
        {k: v.item() for k, v in losses.items()}
    )


def test_a_box_is_found_although_its_best_prior_is_outside():
    """Only the priors inside compete for a box, so none is lost to the padding."""
    detector = build().train()
    inputs = batch((64, 64), (64, 30))
    inputs['gt_bboxes'][1] = torch.tensor([[28.0, 4.0, 44.0, 20.0]])  # nearest to column 2
    head, metas = detector.bbox_head, inputs['img_metas']
    feats = detector.extract_feat(detector.data_preprocessor(inputs['img'], metas))
    _, priors, num_per_level = head.forward_with_priors(feats)
    labels, _ = head.get_targets(
        priors, num_per_level, feats, metas, inputs['gt_bboxes'], inputs['gt_labels'], None
    )
    assert (labels[1] == 2).any()


def test_detections_in_original_pixels():
    # scores near 1/4 everywhere: a low threshold keeps boxes of all classes
    detector = build(test_cfg=dict(score_thr=0.01, max_per_img=60)).eval()
    inputs = batch((64, 48), (64, 64))
    img, metas = inputs['img'], inputs['img_metas']
    for meta in metas:
        meta['scale_factor'] = np.float32([2, 4, 2, 4])
    with torch.no_grad():
        original = detector(img, metas, return_loss=False)[0]
        resized = detector(img, metas, return_loss=False, rescale=False)[0]
    assert len(resized['scores']) == 60
    assert torch.equal(original['bboxes'], resized['bboxes'] / torch.tensor([2.0, 4, 2, 4]))
    assert torch.equal(original['labels'], resized['labels'])
    # clipped to the image of (64, 48), not to the batch
    x, y = resized['bboxes'][:, 0::2], resized['bboxes'][:, 1::2]
    assert x.min() == 0 and x.max() == 48 and y.min() == 0 and y.max() == 64
    assert (resized['scores'].diff() <= 0).all()
    assert set(resized['labels'].tolist()) <= {1, 2, 3}


def test_eval_is_deterministic_and_does_not_see_the_neighbours():
    detector = build().eval()
    inputs = batch((64, 64), (64, 64))
    weights = {key: value.clone() for key, value in detector.state_dict().items()}
    with torch.no_grad():
        both = detector(inputs['img'], inputs['img_metas'], return_loss=False, rescale=False)
        again = detector(inputs['img'], inputs['img_metas'], return_loss=False, rescale=False)
        (alone,) = detector(
            inputs['img'][:1], inputs['img_metas'][:1], return_loss=False, rescale=False
        )
    for first, second in zip(both, again, strict=True):
        assert all(torch.equal(first[key], second[key]) for key in first)
    torch.testing.assert_close(alone['scores'], both[0]['scores'])
    assert all(torch.equal(value, weights[key]) for key, value in detector.state_dict().items())


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(train_cfg=dict(asigner={})), r"model\.train_cfg: no key 'asigner'.*mean 'assigner'"),
        (
            dict(train_cfg=dict(pos_weight=2)),
            r'model\.train_cfg\.pos_weight: -1 is expected, found 2',
        ),
        (
            dict(train_cfg=dict(sampler=dict(type='RandomSampler'))),
            r'model\.train_cfg\.sampler: .*PseudoSampler',
        ),
        (dict(test_cfg=dict(score_thrs=0.1)), r"model\.test_cfg: no key 'score_thrs'.*'score_thr'"),
        (
            dict(test_cfg=dict(nms=dict(type='softnms'))),
            r"model\.test_cfg\.nms\.type: 'nms' or 'soft_nms' .* found 'softnms'.*'soft_nms'",
        ),
        # mmdet 1.x's spelling
        (dict(test_cfg=dict(nms=dict(iou_thr=0.5))), r"test_cfg\.nms: no key 'iou_thr'"),
    ],
)
def test_unknown_keys_of_train_cfg_and_test_cfg(changes, message):
    with pytest.raises(ConfigError, match=message):
        build(**changes)


def test_training_without_an_assigner():
    model = tiny_ssd()
    del model['train_cfg']['assigner']
    detector = build_detector(model)  # fine for prediction
    with pytest.raises(ConfigError, match=r"model\.train_cfg: .*'assigner'"):
        detector(**batch((64, 64)))


def test_a_bare_detector_does_not_step():
    with pytest.raises(TypeError, match='MMDataParallel'):
        build().train_step({}, None)


# ---- a head with a way of its own -----------------------------------------------------------


def plain(**changes) -> dict:
    """The tiny model with a PlainHead; `in_channels` is that of its smallest map."""
    model = tiny_ssd()
    model['bbox_head'] = {'type': PlainHead, 'num_classes': 3, 'in_channels': 16, **changes}
    return {**model, 'train_cfg': None, 'test_cfg': None}


def test_a_head_that_is_no_dense_head_learns_and_detects():
    detector = build_detector(plain())
    inputs = batch((64, 64), (48, 32))
    losses = detector.train()(**inputs)
    sum(losses.values()).backward()
    assert detector.backbone.conv1.weight.grad.abs().sum() > 0
    found = detector.eval()(inputs['img'], inputs['img_metas'], return_loss=False)
    assert [det['bboxes'].shape for det in found] == [(1, 4), (1, 4)]
    assert detector.input_size is None


def test_the_dicts_for_a_head_that_takes_none_are_refused():
    with pytest.raises(ConfigError, match=r"bbox_head: PlainHead takes no argument 'test_cfg'"):
        build_detector({**plain(), 'test_cfg': dict(score_thr=0.1)})


def test_what_needs_priors_says_that_a_head_has_none():
    detector = build_detector(plain())
    message = r'model\.bbox_head: the export needs the priors of a DenseHead, and PlainHead has'
    with pytest.raises(ConfigError, match=message):
        head_with_priors(detector, 'the export')
    assert head_with_priors(build(), 'a test').num_classes == 3


def test_the_neck_before_it_is_checked_and_its_own_in_channels_are_not():
    cfg = plain()  # in_channels=16, of one map of three
    check_parts_fit(build_detector(cfg), cfg)
    cfg['neck'] = {**cfg['neck'], 'in_channels': (32, 8)}
    with pytest.raises(ConfigError, match=r'neck\.in_channels: the backbone hands on 2 levels'):
        check_parts_fit(build_detector(plain()), cfg)


def test_the_first_neck_of_a_list_is_checked():
    cfg = plain()
    cfg['neck'] = [cfg['neck']]
    check_parts_fit(build_detector(cfg), cfg)
    wrong = [{**cfg['neck'][0], 'in_channels': (32, 8)}]
    with pytest.raises(ConfigError, match=r'neck\.0\.in_channels: the backbone hands on 2 levels'):
        check_parts_fit(build_detector(cfg), {**cfg, 'neck': wrong})


def test_channels_of_what_reads_the_last_map_only():
    neck = dict(
        type='CTResNetNeck', in_channels=64, num_deconv_filters=(8,), num_deconv_kernels=(4,)
    )
    head = dict(type='CenterNetHead', num_classes=3, in_channels=8, feat_channels=8)
    cfg = dict(plain(), neck={**neck, 'use_dcn': False}, bbox_head=head)
    check_parts_fit(build_detector(cfg), cfg)
    wrong = dict(cfg, neck=dict(cfg['neck'], in_channels=32))
    with pytest.raises(ConfigError, match=r'neck\.in_channels: .* 1 levels of \[64\] channels'):
        check_parts_fit(build_detector(wrong), wrong)
    wrong = dict(cfg, bbox_head=dict(head, in_channels=16))
    with pytest.raises(ConfigError, match=r'bbox_head\.in_channels: .* \[8\] channels, found 16'):
        check_parts_fit(build_detector(wrong), wrong)
