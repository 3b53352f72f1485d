"""Detectors with a region proposal network: Faster R-CNN, Cascade R-CNN, and the RPN for itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from mmlite.config.schema import PROPOSALS
from mmlite.errors import ConfigError
from mmlite.models.base_detector import Detector, with_shapes
from mmlite.models.detectors import SingleStageDetector
from mmlite.models.heads.fitting import flat_test_cfg
from mmlite.registry import DETECTORS, HEADS
from mmlite.support.signatures import with_arguments_of

# mmdet's classes of these names do nothing of their own; a mask head is refused by the RoI heads
_SAME_IN_MMDET = ('FasterRCNN', 'CascadeRCNN', 'MaskRCNN')


@DETECTORS.register_module(name=['TwoStageDetector', *_SAME_IN_MMDET])
class TwoStageDetector(Detector):
    """Proposals of a first stage, classified and moved by a second (Ren et al. 2015).

    The second stage may be a cascade of them, and one with masks would be beside its boxes. No
    gradient goes from the second stage into the proposals.

    Args:
        backbone, neck, data_preprocessor, init_cfg, channels_last: see Detector.
        rpn_head: config of the first stage, an RPNHead.
        roi_head: config of the second.
        train_cfg: dict with `rpn`, `rpn_proposal` (which boxes are proposals in a training) and
            `rcnn`; None for a detector that only predicts.
        test_cfg: dict with `rpn` and `rcnn`.
    """

    CLASSES_KEY: ClassVar[str | None] = 'model.roi_head.bbox_head.num_classes'

    def __init__(
        self,
        backbone: dict,
        rpn_head: dict,
        roi_head: dict,
        neck: dict | list | None = None,
        data_preprocessor: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
        channels_last: bool = True,
    ) -> None:
        super().__init__(backbone, neck, data_preprocessor, init_cfg, channels_last)
        train, test = train_cfg or {}, test_cfg or {}
        self.rpn_head = HEADS.build(rpn_head, _of_stage('rpn', train, test))
        self.roi_head = HEADS.build(roi_head, _of_stage('rcnn', train, test))
        proposals = train.get('rpn_proposal') or test.get('rpn') or {}
        self.proposal_cfg = flat_test_cfg(proposals, PROPOSALS, 'model.train_cfg.rpn_proposal')
        self.finish()

    @property
    def dense_head(self) -> nn.Module:
        """The head of the first stage."""
        return self.rpn_head

    @property
    def classifier(self) -> nn.Module:
        """The second stage."""
        return self.roi_head

    def loss(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns the losses of both stages, see Detector."""
        img_metas = with_shapes(img, img_metas)
        feats = self.extract_feat(img)
        truth = (gt_bboxes, gt_labels, gt_bboxes_ignore)
        losses, proposals = self.rpn_head.loss_and_proposals(
            feats, img_metas, *truth, self.proposal_cfg
        )
        bboxes = [found['bboxes'] for found in proposals]
        return losses | self.roi_head.loss(feats, bboxes, img_metas, *truth)

    def predict(
        self, img: Tensor, img_metas: list[dict], rescale: bool = False
    ) -> list[dict[str, Tensor]]:
        """Returns the detections of each image, see Detector."""
        img_metas = with_shapes(img, img_metas)
        feats = self.extract_feat(img)
        bboxes = [found['bboxes'] for found in self.rpn_head.predict(feats, img_metas)]
        return self.roi_head.predict(feats, bboxes, img_metas, rescale)


@DETECTORS.register_module()
class RPN(SingleStageDetector):
    """The first stage for itself: its detections are the proposals, all of one class.

    Args:
        backbone, neck, data_preprocessor, init_cfg, channels_last: see Detector.
        rpn_head: config of the head.
        train_cfg: dict with `rpn`; None for a detector that only predicts.
        test_cfg: dict with `rpn`.
    """

    CLASSES_KEY: ClassVar[str | None] = None  # it finds objects of any class

    @with_arguments_of(SingleStageDetector, without=('bbox_head',))
    def __init__(
        self, backbone: dict, rpn_head: dict, *, train_cfg: dict | None = None,
        test_cfg: dict | None = None, **others: Any,
    ) -> None:  # fmt: skip
        cfgs = _of_stage('rpn', train_cfg or {}, test_cfg or {})
        super().__init__(backbone, rpn_head, **cfgs, **others)


def _of_stage(name: str, train_cfg: Mapping, test_cfg: Mapping) -> dict:
    """Returns the arguments of a stage's head that are not in its own dict.

    Raises:
        ConfigError: the config of a detector of one stage.
    """
    for task, cfg in (('train', train_cfg), ('test', test_cfg)):
        if cfg and name not in cfg:
            raise ConfigError(
                f"model.{task}_cfg: the key '{name}' is expected, with the settings of that stage; "
                f'found {", ".join(cfg)}'
            )
    return dict(train_cfg=train_cfg.get(name), test_cfg=test_cfg.get(name))
