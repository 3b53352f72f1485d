"""What detectors share: preprocessor, backbone, neck, and the way from a batch to losses."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.batch_augments import scaled_boxes
from mmlite.models.norms import make_norms_exact
from mmlite.models.preprocessor import build_preprocessor
from mmlite.registry import BACKBONES, NECKS


class Detector(BaseModule):
    """A subclass adds its heads, then calls `finish`, and writes `loss`, `predict`, `dense_head`.

    Args:
        backbone, neck: configs of the parts; the neck may be None, or a list of necks, each on what
            the one before it returns.
        data_preprocessor: config of what happens to a batch on the device; None where the
            pipeline has normalised and padded.
        init_cfg: an initialiser of mmengine for all parts.
        channels_last: keep feature maps as (N, H, W, C) in memory: convolutions run several times
            as fast on a CPU, and faster on a GPU in half precision.
    """

    CLASSES_KEY: ClassVar[str | None] = None  # where a config has the number of classes, if it has

    def __init__(
        self,
        backbone: dict,
        neck: dict | list | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list | None = None,
        channels_last: bool = True,
    ) -> None:
        super().__init__(init_cfg)
        self.data_preprocessor = build_preprocessor(data_preprocessor)
        self.backbone = BACKBONES.build(backbone)
        neck = dict(type='SequentialNeck', necks=neck) if isinstance(neck, (list, tuple)) else neck
        self.neck = NECKS.build(neck) if neck is not None else None
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def finish(self) -> None:
        """Sets the memory format and exact norms, of a plugin's and torchvision's layers too."""
        self.to(memory_format=self.memory_format)
        make_norms_exact(self)

    @property
    def dense_head(self) -> nn.Module:
        """The head that reads the feature maps: the only one, or that of the first stage."""
        raise NotImplementedError

    @property
    def classifier(self) -> nn.Module:
        """The head whose classes are the data set's: it has `num_classes` and a `test_cfg`."""
        raise NotImplementedError

    @property
    def num_classes(self) -> int:
        """C, object classes without background."""
        return self.classifier.num_classes

    def forward(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor] | None = None,
        gt_labels: list[Tensor] | None = None,
        gt_bboxes_ignore: list[Tensor] | None = None,
        return_loss: bool = True,
        rescale: bool = True,
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        """From a scattered batch to losses, or to detections with `return_loss=False`.

        Args:
            img: (N, 3, h, w) float32, as loaded; the preprocessor runs first.
            img_metas: per image, see `Collect`.
            gt_bboxes, gt_labels, gt_bboxes_ignore: per image; only losses need them.
            return_loss: losses or detections.
            rescale: detections in pixels of the original image.
        """
        img = self.data_preprocessor(img, img_metas)
        if return_loss:
            gt_bboxes = scaled_boxes(gt_bboxes, img_metas)
            gt_bboxes_ignore = scaled_boxes(gt_bboxes_ignore, img_metas)
            return self.loss(img, img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore)
        return self.predict(img, img_metas, rescale)

    def loss(
        self,
        img: Tensor,
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns a dict of scalar losses.

        Args:
            img: (N, 3, H, W), normalised.
            img_metas: per image; shapes that are left out are those of the batch.
            gt_bboxes: per image (g, 4), xyxy, input pixels.
            gt_labels: per image (g,), 1..C.
            gt_bboxes_ignore: per image (k, 4).

        Raises:
            ConfigError: the head has no assigner, or the parts do not fit each other.
        """
        raise NotImplementedError

    def predict(
        self, img: Tensor, img_metas: list[dict], rescale: bool = False
    ) -> list[dict[str, Tensor]]:
        """Returns per image dict(bboxes (n, 4), scores (n,), labels (n,) 1..C), best first.

        Args:
            img: (N, 3, H, W), normalised.
            img_metas: per image; shapes that are left out are those of the batch.
            rescale: boxes in pixels of the original image, by `scale_factor`; else of `img`.
        """
        raise NotImplementedError

    @property
    def input_size(self) -> int | None:
        """The side of the only input that the priors are made for; None where any size will do."""
        generator = getattr(self.dense_head, 'prior_generator', None)
        return getattr(generator, 'input_size', None)

    def extract_feat(self, img: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_l, h_l, w_l) that the head reads, largest first.

        Raises:
            ConfigError: the priors are made for another input size.
        """
        size = self.input_size
        if size is not None and tuple(img.shape[-2:]) != (size, size):
            height, width = img.shape[-2:]
            raise ConfigError(
                f'this model is made for input of {size}x{size} pixels, the batch is '
                f'{width}x{height} (w x h): set Resize(scale=({size}, {size}), keep_ratio=False) '
                'in the pipelines, or take the config of the other size'
            )
        feats = self.backbone(img.contiguous(memory_format=self.memory_format))
        return self.neck(feats) if self.neck is not None else list(feats)

    def train_step(self, *_args) -> None:
        """mmengine asserts that this exists; the wrapper around the detector is what steps."""
        raise TypeError(
            'a detector does not step by itself: wrap it in MMDataParallel or '
            'MMDistributedDataParallel, which move the batch to the device'
        )

    val_step = test_step = train_step


def with_shapes(img: Tensor, img_metas: list[dict]) -> list[dict]:
    """Fills in the shapes that follow from the batch where a caller left them out."""
    shape = (*img.shape[-2:], 3)
    defaults = dict(img_shape=shape, pad_shape=shape, batch_input_shape=shape[:2])
    return [{**defaults, **meta} for meta in img_metas]
