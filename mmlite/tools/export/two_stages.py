"""A detector of two stages as one graph of tensors of fixed shapes.

N images, R priors over all levels, P proposals of an image, K RoIs of all images, C object classes,
B boxes of a RoI, D detections of an image. An image with fewer proposals or detections has rows of
score 0 at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.tools.export.network import clipped, nms_per_class


class TwoStageNetwork(nn.Module):
    """Normalised pictures to the detections of both stages.

    Args:
        detector: in eval mode, and not from `prepare_for_inference`.
        with_nms: True.

    Raises:
        ConfigError: the settings ask for what a graph cannot do.
    """

    def __init__(self, detector: nn.Module, with_nms: bool = True) -> None:
        super().__init__()
        self.detector = detector
        self.num_per_level: list[int] = []  # of the last input
        if not with_nms:
            raise ConfigError(
                '--no-nms: a detector of two stages needs the NMS of its proposals in the graph'
            )
        for at, cfg in (
            ('model.test_cfg.rpn', detector.rpn_head.test_cfg),
            ('model.test_cfg.rcnn', detector.roi_head.test_cfg),
        ):
            _check_cfg(at, cfg)

    def forward(self, img: Tensor, img_shape: Tensor | None = None) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) -> bboxes (N, D, 4), scores (N, D), labels (N, D), as of `keep_best`.

        Args:
            img: as after the model's data_preprocessor.
            img_shape: (h, w) of each picture without its padding; None where pictures fill the
                input.
        """
        if img_shape is None:
            img_shape = img.new_tensor([img.shape[-2:]])
        feats = self.detector.extract_feat(img)
        bboxes, are_there = self._proposals(feats, img_shape)
        scores, deltas, bboxes = self._second_stage(feats, bboxes, img_shape)
        scores = scores.where(are_there[..., None], 0)  # (N, P, C)
        return self._detections(bboxes, deltas, scores, img_shape)

    def _proposals(self, feats: Sequence[Tensor], img_shape: Tensor) -> tuple[Tensor, Tensor]:
        """Returns boxes (N, P, 4), and which of them are proposals (N, P) bool: RPNHead.propose."""
        head = self.detector.rpn_head
        cfg = head.test_cfg
        outs, priors, self.num_per_level = head.forward_with_priors(feats)
        inds, levels, scores, deltas = head.best_of_levels(outs, self.num_per_level, cfg['nms_pre'])
        # (R, 4)[(N, m)] -> (N, m, 4) -> (N * m, 4) -> (N, m, 4)
        found = head.bbox_coder.decode(priors[inds].flatten(0, 1), deltas.flatten(0, 1))
        bboxes = _to_pictures(found.unflatten(0, (-1, inds.shape[1])), img_shape)
        sides = bboxes[..., 2:] - bboxes[..., :2]
        kept = (sides > cfg['min_bbox_size']).all(dim=-1) & (scores >= cfg['score_thr'])
        numbers = torch.arange(len(self.num_per_level), device=levels.device)
        of_level = levels == numbers[:, None]  # (m,) == (L, 1) -> (L, m)
        by_level = scores.where(kept, 0).unsqueeze(1) * of_level  # (N, 1, m) -> (N, L, m)
        best, order = _after_nms(bboxes, by_level, cfg)
        order = order % inds.shape[1]
        return bboxes.gather(1, order[..., None].expand(-1, -1, 4)), best > 0

    def _second_stage(
        self, feats: Sequence[Tensor], bboxes: Tensor, img_shape: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns scores (N, P, C), deltas (N, P, B, 4), and the boxes (N, P, 4) they move."""
        head = self.detector.roi_head
        logits = []
        for number, stage in enumerate(head.stages):
            outs = self._of_stage(feats, bboxes, number)
            logits.append(outs['cls_score'])
            if number < len(head.stages) - 1:
                best = outs['cls_score'][:, -head.num_classes :].argmax(dim=1) + 1  # (K,)
                deltas = stage.bbox_head.of_class(outs['bbox_pred'], best)
                moved = stage.bbox_head.bbox_coder.decode(bboxes.flatten(0, 1), deltas)
                coder = stage.bbox_head.bbox_coder
                bboxes = clipped(moved.unflatten(0, (-1, bboxes.shape[1])), img_shape, coder)
        loss_cls = head.stages[-1].bbox_head.loss_cls
        scores = loss_cls.scores(torch.stack(logits).mean(dim=0))  # (K, C)
        of_images = (-1, bboxes.shape[1])
        return scores.unflatten(0, of_images), outs['bbox_pred'].unflatten(0, of_images), bboxes

    def _of_stage(self, feats: Sequence[Tensor], bboxes: Tensor, number: int) -> dict[str, Tensor]:
        """Boxes (N, P, 4) -> what a stage's head returns for them."""
        images = torch.arange(bboxes.shape[0], device=bboxes.device).to(bboxes)
        rois = torch.cat([images[:, None, None].expand(-1, bboxes.shape[1], 1), bboxes], dim=2)
        rois = rois.flatten(0, 1)  # (N, P, 5) -> (K, 5)
        return self.detector.roi_head(feats, rois, *([number] if number else []))

    def _detections(
        self, bboxes: Tensor, deltas: Tensor, scores: Tensor, img_shape: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Every class of a RoI is a candidate with a box of its own: `detections` of rois.py."""
        head, cfg = self.detector.roi_head.stages[-1].bbox_head, self.detector.roi_head.test_cfg
        num_classes = scores.shape[2]
        if head.reg_class_agnostic:
            deltas = deltas.expand(-1, -1, num_classes, -1)  # (N, P, 1, 4) -> (N, P, C, 4)
        rois = bboxes[:, :, None].expand(-1, -1, num_classes, -1)
        found = head.bbox_coder.decode(rois.flatten(0, 2), deltas.flatten(0, 2))
        # (N * P * C, 4) -> (N, P * C, 4)
        bboxes = clipped(found.unflatten(0, (scores.shape[0], -1)), img_shape, head.bbox_coder)
        scores = scores.flatten(1)  # (N, P, C) -> (N, P * C)
        large = ((bboxes[..., 2:] - bboxes[..., :2]) > cfg['min_bbox_size']).all(dim=-1)
        scores = scores.where(large & (scores > cfg['score_thr']), 0)
        labels = torch.arange(1, num_classes + 1, device=scores.device)
        labels = labels.repeat(bboxes.shape[1] // num_classes)  # (P * C,)
        # classes are kept apart by moving each of them by more than a picture
        apart = labels[:, None] * (img_shape.max() + 1)
        moved = bboxes if cfg['nms']['class_agnostic'] else bboxes + apart
        best, order = _after_nms(moved, scores[:, None], cfg)
        found = labels[order].where(best > 0, 0)
        return bboxes.gather(1, order[..., None].expand(-1, -1, 4)), best, found


def _to_pictures(bboxes: Tensor, img_shape: Tensor) -> Tensor:
    """Clips boxes (N, m, 4) to pictures (N, 2), (h, w)."""
    return torch.minimum(bboxes.clamp(min=0), img_shape.flip(1).repeat(1, 2)[:, None])


def _after_nms(bboxes: Tensor, scores: Tensor, cfg: Mapping) -> tuple[Tensor, Tensor]:
    """NMS of each group: boxes (N, m, 4), scores (N, G, m), 0 for none -> the best of all groups.

    Returns:
        scores (N, k), best first, and where they are in (G, m), flat: group * m + box.
    """
    where = nms_per_class(bboxes, scores, cfg['nms']['iou_threshold']).unbind(dim=1)
    kept = torch.zeros_like(scores).index_put(where, scores[where])
    limits = [count for count in (cfg['max_per_img'], cfg['nms']['max_num']) if count > 0]
    return kept.flatten(1).topk(min([scores.shape[1] * scores.shape[2], *limits]))


def _check_cfg(at: str, cfg: Mapping) -> None:
    rule = cfg['nms']
    if rule['type'] != 'nms' or rule.get('offset'):
        raise ConfigError(
            f"{at}.nms: in an exported model of two stages NMS is type='nms' without an offset, "
            f'found {rule}'
        )
    if cfg['max_per_img'] <= 0:
        raise ConfigError(
            f'{at}.max_per_img: an exported NMS has a fixed number of rows: above 0 is expected, '
            f'found {cfg["max_per_img"]}'
        )
