"""A head with a way of its own, without priors: an object is the cell in which its centre lies.

After CenterNet (Zhou, Wang, Kraehenbuehl 2019, section 4), with one cell for each object in place
of a Gaussian. N images, C classes, P = h * w cells, g boxes of an image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import clip_boxes_to_image, sigmoid_focal_loss

from mmlite.models.heads.dense_head import reduce_mean
from mmlite.registry import HEADS


@HEADS.register_module()
class CenterHead(nn.Module):
    """Reads the first map. A detector needs `num_classes`, `loss` and `predict`, and no more."""

    def __init__(self, num_classes, in_channels, *, stride=8, score_thr=0.05):
        super().__init__()
        self.num_classes, self.stride, self.score_thr = num_classes, stride, score_thr
        self.heat = nn.Conv2d(in_channels, num_classes, 3, padding=1)
        self.sides = nn.Conv2d(in_channels, 4, 3, padding=1)
        nn.init.constant_(self.heat.bias, -4.6)  # scores begin at 0.01: nearly all cells are empty

    def maps(self, feats: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits (N, C, h, w), and the box of each cell (N, P, 4), xyxy, input pixels."""
        heat, sides = self.heat(feats[0]).float(), self.sides(feats[0]).float().flatten(2).mT
        rows, columns = (torch.arange(side, device=heat.device) + 0.5 for side in heat.shape[2:])
        points = torch.cartesian_prod(rows, columns).flip(1)  # (P, 2): x, y
        return heat, torch.cat([points - sides[..., :2], points + sides[..., 2:]], -1) * self.stride

    def loss(self, feats, img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore=None):
        heat, found = self.maps(feats)
        target, loss_bbox = torch.zeros_like(heat), 0
        last = heat.new_tensor([heat.shape[3] - 1, heat.shape[2] - 1])
        for i, (bboxes, labels) in enumerate(zip(gt_bboxes, gt_labels, strict=True)):
            cell = (bboxes[:, :2] + bboxes[:, 2:]) / 2 // self.stride  # (g, 2): x, y
            x, y = cell.clamp(min=0).minimum(last).long().T
            target[i, labels - 1, y, x] = 1
            of_object = found[i, y * heat.shape[3] + x]  # (P, 4) -> (g, 4)
            loss_bbox += F.l1_loss(of_object, bboxes, reduction='sum') / self.stride
        count = reduce_mean(heat.new_tensor(float(sum(map(len, gt_bboxes))))).clamp(min=1)
        loss_cls = sigmoid_focal_loss(heat, target, reduction='sum')
        return dict(loss_cls=loss_cls / count, loss_bbox=0.1 * loss_bbox / count)

    def predict(self, feats, img_metas, rescale=False):
        heat, boxes = self.maps(feats)
        peaks = heat.where(heat == F.max_pool2d(heat, 3, 1, 1), -torch.inf).sigmoid().flatten(1)
        results = []
        for scores, bboxes, meta in zip(peaks, boxes, img_metas, strict=True):
            scores, inds = scores.topk(min(100, len(scores)))  # best first
            scores, inds = scores[scores > self.score_thr], inds[scores > self.score_thr]
            labels, bboxes = inds // len(bboxes) + 1, bboxes[inds % len(bboxes)]
            bboxes = clip_boxes_to_image(bboxes, meta['img_shape'][:2])
            scale = bboxes.new_tensor(meta['scale_factor'] if rescale else [1.0] * 4)
            results.append(dict(bboxes=bboxes / scale, scores=scores, labels=labels))
        return results
