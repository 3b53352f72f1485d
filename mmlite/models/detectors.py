"""The one-stage detector: preprocessor, backbone, neck, head."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from mmlite.models.base_detector import Detector, with_shapes
from mmlite.registry import DETECTORS, HEADS

# mmdet's classes of these names do nothing of their own
_SAME_IN_MMDET = (
    'RetinaNet', 'FCOS', 'ATSS', 'GFL', 'VFNet', 'TOOD', 'PAA', 'DDOD', 'FSAF', 'FOVEA', 'YOLOF',
    'AutoAssign', 'RTMDet', 'YOLOV3', 'YOLOX', 'RepPointsDetector', 'CenterNet',
)  # fmt: skip


@DETECTORS.register_module(name=['SingleStageDetector', *_SAME_IN_MMDET])
class SingleStageDetector(Detector):
    """Composes a detector from the dicts of `model` in a config.

    A head is a module with `num_classes`, `loss(feats, img_metas, gt_bboxes, gt_labels,
    gt_bboxes_ignore)` -> dict of scalars and `predict(feats, img_metas, rescale)` -> list of dicts,
    as `DenseHead` has them; it need be no DenseHead, and have no priors.

    Args:
        backbone, neck, data_preprocessor, init_cfg, channels_last: see Detector.
        bbox_head: config of the head.
        train_cfg: assignment and sampling, handed to the head.
        test_cfg: post-processing, handed to the head.
    """

    CLASSES_KEY: ClassVar[str | None] = 'model.bbox_head.num_classes'

    def __init__(
        self,
        backbone: dict,
        bbox_head: dict,
        neck: dict | list | None = None,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
        channels_last: bool = True,
    ) -> None:
        super().__init__(backbone, neck, data_preprocessor, init_cfg, channels_last)
        self.bbox_head = HEADS.build(bbox_head, dict(train_cfg=train_cfg, test_cfg=test_cfg))
        self.finish()

    @property
    def dense_head(self) -> nn.Module:
        """The head."""
        return self.bbox_head

    @property
    def classifier(self) -> nn.Module:
        """The head."""
        return self.bbox_head

    def loss(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns a dict of scalar losses, see Detector."""
        img_metas = with_shapes(img, img_metas)
        feats = self.extract_feat(img)
        return self.bbox_head.loss(feats, img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore)

    def predict(
        self, img: Tensor, img_metas: list[dict], rescale: bool = False
    ) -> list[dict[str, Tensor]]:
        """Returns the detections of each image, see Detector."""
        img_metas = with_shapes(img, img_metas)
        return self.bbox_head.predict(self.extract_feat(img), img_metas, rescale)
