"""A detector of one weight, small enough to do its sums by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmlite.parallel import DataContainer


class ToyDetector(nn.Module):
    """loss_cls = mean(weight * img), loss_bbox = mean number of boxes * weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor] | None = None,
        return_loss: bool = True,
        rescale: bool = True,
    ) -> dict | list:
        assert img.dtype == torch.float32
        if return_loss:
            counts = img.new_tensor([len(boxes) for boxes in gt_bboxes])
            return {
                'loss_cls': (self.weight * img).mean(),
                'loss_bbox': (self.weight * counts).mean(),
            }
        return [
            {'scores': self.weight * image.max(), 'name': meta['name'], 'rescale': rescale}
            for image, meta in zip(img, img_metas, strict=True)
        ]


def toy_batch(values: list[int], with_boxes: bool = True) -> dict:
    """Returns a collated batch of 1x1 images of these values; image i has values[i] boxes."""
    batch = {
        'img': DataContainer(
            torch.tensor(values, dtype=torch.uint8).reshape(-1, 1, 1, 1), stack=True
        ),
        'img_metas': DataContainer([{'name': f'{v}.jpg'} for v in values], cpu_only=True),
    }
    if with_boxes:
        batch['gt_bboxes'] = DataContainer([torch.zeros(v, 4) for v in values])
    return batch
