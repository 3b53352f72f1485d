"""The losses on the validation data."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmlite.datasets.cleaning import clip_to_sizes
from mmlite.errors import ConfigError
from mmlite.ops.boxes import to_input
from mmlite.parallel import DataContainer, unwrapped
from mmlite.parallel.model_wrapper import parse_losses
from mmlite.registry import HOOKS


@HOOKS.register_module()
class ValLossHook(Hook):
    """Adds the losses to the metrics of a validation: `val_loss`, `val_loss_cls`, ...

    So `save_best='val_loss'` and EarlyStoppingHook's `monitor='val_loss'` work. The model is in
    eval mode and runs a second time on each batch that counts. The boxes are the data set's, as
    training would have them: clipped to the image, and none of zero size. Each image weighs the
    same; what a sampler repeats to give all processes as many images counts again.

    Args:
        interval: of validation batches, every one of which counts if it is 1.

    Raises:
        ConfigError: processes may have different numbers of batches, and would wait for each other.
    """

    metric_names: ClassVar = ('val_loss',)  # and those of its terms, which depend on the model
    priority = 'HIGHEST'  # mmengine's RuntimeInfoHook, which hands the metrics on, is VERY_HIGH

    def __init__(self, interval: int = 1) -> None:
        self.interval = interval
        self._metas: list[dict] = []
        self._sums: dict[str, Tensor] = {}  # of each loss, times images
        self._num_images = 0

    def before_val_epoch(self, runner: Runner) -> None:
        sampler = runner.val_dataloader.batch_sampler.sampler
        if get_world_size() > 1 and not getattr(sampler, 'round_up', False):
            raise ConfigError(
                'val_dataloader.sampler: with ValLossHook all processes need the same number of '
                f'images: DefaultSampler(round_up=True), found {type(sampler).__name__}'
            )
        self._sums.clear()
        self._num_images = 0

    def before_val_iter(self, runner: Runner, batch_idx: int, data_batch: dict) -> None:
        # the preprocessor writes into them, and is to find them as they were a second time
        self._metas = [dict(meta) for meta in unwrapped(data_batch['img_metas'])]

    @torch.no_grad()
    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list[dict]
    ) -> None:
        if batch_idx % self.interval != 0:
            return
        batch = with_ground_truth(data_batch, self._metas, runner.val_dataloader.dataset)
        _, losses = parse_losses(runner.model(**batch, return_loss=True))
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0) + value * len(self._metas)
        self._num_images += len(self._metas)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        losses = {f'val_{name}': (s / self._num_images).item() for name, s in self._sums.items()}
        metrics.update(losses)
        # mmengine shows the mean of the last validations for a name with `loss` in it
        processor = runner.log_processor
        known = [entry['data_src'] for entry in processor.custom_cfg]
        new = [dict(data_src=name, method_name='current') for name in losses if name not in known]
        processor.custom_cfg = [*new, *processor.custom_cfg]


def with_ground_truth(data_batch: dict, img_metas: list[dict], dataset: Any) -> dict:
    """Returns a validation batch with boxes, to compute losses from.

    Args:
        data_batch: what `collate` returned.
        img_metas: per image, as they were before the batch went through the model; `img_id` is
            the index in `dataset`.
        dataset: has the ground truth in original pixels.
    """
    truth = [_input_truth(dataset.get_ann_info(int(meta['img_id'])), meta) for meta in img_metas]
    bboxes, labels, ignored = zip(*truth, strict=True)
    return {
        **data_batch,
        'img_metas': DataContainer(img_metas, cpu_only=True),
        'gt_bboxes': DataContainer(list(bboxes)),
        'gt_labels': DataContainer(list(labels)),
        'gt_bboxes_ignore': DataContainer(list(ignored)),
    }


def _input_truth(ann: dict, meta: dict) -> tuple[Tensor, Tensor, Tensor]:
    """Returns bboxes (g, 4), labels (g,) and ignored bboxes (k, 4) in pixels of the input."""
    bboxes, kept = _input_bboxes(ann['bboxes'], meta)
    ignored, _ = _input_bboxes(ann['bboxes_ignore'], meta)
    return bboxes, torch.as_tensor(ann['labels'])[kept], ignored


def _input_bboxes(bboxes: Any, meta: dict) -> tuple[Tensor, Tensor]:
    """Returns the boxes of some size (g, 4), and which of those given they are."""
    size = torch.tensor(meta['img_shape'][1::-1])  # (w, h)
    scaled = to_input(torch.as_tensor(bboxes).float(), meta)
    clipped = torch.as_tensor(clip_to_sizes(scaled.numpy(), size.numpy()))
    kept = (clipped[:, 2:] > clipped[:, :2]).all(dim=1)
    return clipped[kept], kept
