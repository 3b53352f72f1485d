"""A detector as one graph of tensors: what the ONNX file computes.

N images, R priors over all levels, C object classes, K detections an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import head_with_priors
from mmlite.ops.nms import multiclass_nms


class ExportNetwork(nn.Module):
    """Normalised pictures to decoded boxes and scores of every prior, or to the best of them.

    Args:
        detector: in eval mode, and not from `prepare_for_inference`: no exporter supports the
            convolutions of that.
        with_nms: end with what `keep_best` returns.

    Raises:
        ConfigError: `test_cfg` asks for what a graph cannot do, or the head has no priors.
    """

    def __init__(self, detector: nn.Module, with_nms: bool = True) -> None:
        super().__init__()
        self.detector = detector
        self.with_nms = with_nms
        self.num_per_level: list[int] = []  # of the last input
        _check_test_cfg(head_with_priors(detector, 'the export').test_cfg, with_nms)

    def forward(self, img: Tensor, img_shape: Tensor | None = None) -> tuple[Tensor, ...]:
        """Runs the network.

        Args:
            img: (N, 3, H, W) float32, as after the model's data_preprocessor.
            img_shape: (N, 2) float32, (h, w) of each picture without its padding, where boxes are
                clipped; None where pictures fill the input.

        Returns:
            with NMS what `keep_best` does; else bboxes (N, R, 4) xyxy in pixels of the input,
            scores (N, R, C), and factors (N, R) where the head has them beside its scores.
        """
        head = self.detector.bbox_head
        feats = self.detector.extract_feat(img)
        outs, priors, self.num_per_level = head.forward_with_priors(feats)
        scores, factors = head.scores_and_factor(outs)
        deltas = outs['bbox_pred']
        if img_shape is None:
            img_shape = img.new_tensor([img.shape[-2:]])
        bboxes = head.bbox_coder.decode(priors.repeat(img.shape[0], 1), deltas.flatten(0, 1))
        bboxes = bboxes.reshape(-1, len(priors), 4)
        bboxes = clipped(bboxes, img_shape, head.bbox_coder)
        if self.with_nms:
            return keep_best(bboxes, scores, factors, self.num_per_level, head.test_cfg)
        return (bboxes, scores) if factors is None else (bboxes, scores, factors)


def clipped(bboxes: Tensor, img_shape: Tensor, coder: Any) -> Tensor:
    """Clips boxes (N, R, 4) to the pictures (N, 2), (h, w), where the coder does."""
    if not coder.clip_border:
        return bboxes
    # mmdet 1.x's coder counts pixels, of which the last is one before the border
    last = img_shape.flip(1).repeat(1, 2) - getattr(coder, 'pixel', 0)
    return torch.minimum(bboxes.clamp(min=0), last[:, None])


def keep_best(
    bboxes: Tensor,
    scores: Tensor,
    factors: Tensor | None,
    num_per_level: Sequence[int],
    test_cfg: Mapping,
) -> tuple[Tensor, Tensor, Tensor]:
    """Post-processing of a batch in tensors of fixed shapes, as `DenseHead.predict` does it.

    Args:
        bboxes, scores, factors, num_per_level: see `ExportNetwork.forward`.
        test_cfg: of the head, see `DenseHead`.

    Returns:
        bboxes (N, K, 4), scores (N, K) and labels (N, K) int64 1..C, best first, K = max_per_img,
        or `max_num` of the NMS where that is less.
        Rows beyond the last detection have the score and the label 0.
    """
    chosen = _candidates(scores, num_per_level, test_cfg)
    chosen &= (bboxes[..., 2:] > bboxes[..., :2]).all(dim=-1, keepdim=True)
    if factors is not None:
        scores = scores * factors[..., None]
    scores = scores.where(chosen, 0).transpose(1, 2)  # (N, C, R)
    num_classes, num_priors = scores.shape[1:]
    rule = test_cfg['nms']
    if _beyond_a_graph(rule):
        images = zip(bboxes, scores, strict=True)
        kept = torch.stack([_scores_after(*image, test_cfg) for image in images])
    else:
        where = nms_per_class(bboxes, scores, rule['iou_threshold']).unbind(dim=1)
        kept = torch.zeros_like(scores).index_put(where, scores[where])
    limits = [count for count in (test_cfg['max_per_img'], rule['max_num']) if count > 0]
    best, order = kept.flatten(1).topk(min([num_classes * num_priors, *limits]))
    labels = (order // num_priors + 1).where(best > 0, 0)
    inds = (order % num_priors)[..., None].expand(-1, -1, 4)
    return bboxes.gather(1, inds), best, labels


def _candidates(scores: Tensor, num_per_level: Sequence[int], test_cfg: Mapping) -> Tensor:
    """Which (prior, class) pairs enter the NMS (N, R, C), see `select_candidates` in mmlite.ops.

    Pairs that score exactly as much as the last one to enter do so too.
    """
    above = scores > test_cfg['score_thr']
    if test_cfg['max_per_class'] > 0:
        count = min(test_cfg['max_per_class'], scores.shape[1])
        return above & (scores >= scores.topk(count, dim=1).values[:, -1:])
    floors = []
    for level in scores.split(list(num_per_level), dim=1):
        pairs = level.flatten(1)
        least = torch.full_like(pairs[:, :1], -1)
        if 0 < test_cfg['nms_pre'] < pairs.shape[1]:
            least = pairs.topk(test_cfg['nms_pre']).values[:, -1:]
        floors.append(least.expand(-1, level.shape[1]))
    return above & (scores >= torch.cat(floors, dim=1)[..., None])


def _beyond_a_graph(rule: Mapping) -> str:
    """Names the setting that ONNX's NonMaxSuppression has not; empty where it has all."""
    usual = dict(type='nms', class_agnostic=False, offset=0)
    return next((f'{key}={rule[key]!r}' for key in usual if rule[key] != usual[key]), '')


def _scores_after(bboxes: Tensor, scores: Tensor, test_cfg: Mapping) -> Tensor:
    """Boxes (R, 4) and scores (C, R) of an image -> (C, R), 0 for those that NMS leaves out."""
    labels, inds = where = scores.nonzero(as_tuple=True)
    limits = (test_cfg['nms'], test_cfg['max_per_img'])
    keep, found = multiclass_nms(bboxes[inds], scores[where], labels, *limits)
    return torch.zeros_like(scores).index_put((labels[keep], inds[keep]), found)


@torch.library.custom_op('mmlite::nms_per_class', mutates_args=())
def nms_per_class(bboxes: Tensor, scores: Tensor, iou_thr: float) -> Tensor:
    """NMS within each class of each image: in ONNX the operator NonMaxSuppression.

    Args:
        bboxes: (N, R, 4) xyxy.
        scores: (N, C, R); those of 0 are left out.
        iou_thr: boxes that overlap a better one by more than this are suppressed.

    Returns:
        (M, 3) int64: image, class and box of those kept.
    """
    kept = []
    for image, of_image in enumerate(scores):
        for label, of_class in enumerate(of_image):
            inds = of_class.nonzero()[:, 0]
            inds = inds[nms(bboxes[image, inds], of_class[inds], iou_thr)]
            kept.append(torch.stack([inds * 0 + image, inds * 0 + label, inds], dim=1))
    return torch.cat(kept)


@nms_per_class.register_fake
def _(bboxes: Tensor, scores: Tensor, iou_thr: float) -> Tensor:
    count = torch.library.get_ctx().new_dynamic_size()  # known when it runs
    return bboxes.new_empty((count, 3), dtype=torch.int64)


def _check_test_cfg(test_cfg: Mapping, with_nms: bool) -> None:
    if test_cfg['min_bbox_size'] > 0:
        raise ConfigError(
            f'model.test_cfg.min_bbox_size: {test_cfg["min_bbox_size"]} pixels of the original '
            'picture, which an exported model does not see; 0 is expected'
        )
    if with_nms and (setting := _beyond_a_graph(test_cfg['nms'])):
        raise ConfigError(
            f"model.test_cfg.nms: ONNX's NonMaxSuppression has no {setting}. With --no-nms the "
            'file ends with the boxes and scores of all priors, and predict.py does this NMS itself'
        )
    if with_nms and test_cfg['max_per_img'] <= 0:
        raise ConfigError(
            'model.test_cfg.max_per_img: an exported NMS has a fixed number of rows: above 0 is '
            f'expected, found {test_cfg["max_per_img"]}'
        )
