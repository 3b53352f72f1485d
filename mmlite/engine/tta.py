"""Test-time augmentation: detect in several versions of each picture, and merge.

A batch is a list of batches, one for each version; all other code sees one version at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import TestLoop
from mmengine.runner.amp import autocast
from torch import Tensor

from mmlite.config.nodes import walk
from mmlite.errors import ConfigError
from mmlite.models.heads.fitting import nms_rule
from mmlite.ops.boxes import flip_boxes
from mmlite.ops.nms import multiclass_nms
from mmlite.parallel import collate
from mmlite.registry import without_scope

# in a pipeline without versions: steps before these are done once, flips are put there
_FORMATTING = ('Normalize', 'Pad', 'DefaultFormatBundle', 'PackDetInputs')


class TTALoop(TestLoop):
    """mmengine's test loop over batches in several versions.

    Args:
        runner, dataloader, evaluator, fp16: as mmengine's TestLoop.
        nms: how boxes of one class are merged, see `multiclass_nms`.
        max_per_img: detections kept in an image.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: Any,
        evaluator: Any,
        fp16: bool = False,
        *,
        nms: Mapping[str, Any],
        max_per_img: int = 100,
    ) -> None:
        super().__init__(runner, dataloader, evaluator, fp16)
        self.nms = nms
        self.max_per_img = max_per_img

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: list[dict]) -> None:
        """Detects in one batch; hooks and metrics see its first version."""
        batch = data_batch[0]
        self.runner.call_hook('before_test_iter', batch_idx=idx, data_batch=batch)
        with autocast(enabled=self.fp16):
            found = [self.runner.model.test_step(version) for version in data_batch]
        metas = [version['img_metas'].data for version in data_batch]
        outputs = [
            merge_versions(
                [version[i] for version in found],
                [version[i] for version in metas],
                self.nms,
                self.max_per_img,
            )
            for i in range(len(found[0]))
        ]
        self.evaluator.process(data_samples=outputs, data_batch=batch)
        self.runner.call_hook('after_test_iter', batch_idx=idx, data_batch=batch, outputs=outputs)


def merge_versions(
    found: Sequence[dict[str, Tensor]],
    metas: Sequence[Mapping],
    nms: Mapping[str, Any],
    max_per_img: int,
) -> dict[str, Tensor]:
    """Returns the detections of one image from those in each of its versions.

    Args:
        found: for each version bboxes (n, 4) in original pixels, as the version shows them: of a
            flipped one still mirrored; scores (n,) and labels (n,).
        metas: for each version `ori_shape`, `flip` and `flip_direction`.
        nms: of the NMS over all versions, class by class, see `multiclass_nms`.
        max_per_img: detections kept; -1 for all.
    """
    bboxes = torch.cat(
        [
            flip_boxes(one['bboxes'], meta['ori_shape'], meta['flip_direction'])
            if meta.get('flip')
            else one['bboxes']
            for one, meta in zip(found, metas, strict=True)
        ]
    )
    scores = torch.cat([one['scores'] for one in found])
    labels = torch.cat([one['labels'] for one in found])
    keep, merged = multiclass_nms(bboxes, scores, labels, nms, max_per_img)
    return dict(bboxes=bboxes[keep], scores=merged, labels=labels[keep])


def collate_versions(samples: list[dict]) -> list[dict]:
    """Collates what TestTimeAug gives, version by version."""
    return [
        collate(list(version))
        for version in zip(*(sample['versions'] for sample in samples), strict=True)
    ]


def use_tta(cfg: Config) -> dict[str, Any]:
    """Gives the test data their versions, and returns how they are merged: arguments of TTALoop.

    The config's own `tta_pipeline` and `tta_model` count, in mmdet's spelling. Without them each
    picture is tested as it is and mirrored, with the NMS of the head.

    Raises:
        ConfigError: `tta_model` is something else than mmdet's DetTTAModel.
    """
    for path, node in walk(cfg.test_dataloader.dataset, 'test_dataloader.dataset'):
        if isinstance(node, dict) and 'pipeline' in node:
            node['pipeline'] = cfg.get('tta_pipeline') or with_mirrored(node['pipeline'], path)
    test_cfg = cfg.model.get('test_cfg') or {}
    last = test_cfg.get('rcnn') or test_cfg.get('rpn') or test_cfg  # of two stages the second
    model = cfg.get('tta_model') or dict(type='DetTTAModel', tta_cfg=last)
    if without_scope(str(model.get('type'))) != 'DetTTAModel':
        raise ConfigError(
            f"tta_model: type 'DetTTAModel' is supported, found {model.get('type')!r}"
        )
    merging = model.get('tta_cfg') or {}
    return dict(
        nms=nms_rule(merging, 'tta_model.tta_cfg.nms'),
        max_per_img=merging.get('max_per_img', 100),
    )


def with_mirrored(pipeline: Sequence[dict], path: str) -> list[dict]:
    """Returns a test pipeline that gives each picture as it is, and mirrored.

    Raises:
        ConfigError: the pipeline does not end in PackDetInputs.
    """
    types = [without_scope(str(step.get('type'))) for step in pipeline]
    ends = [i for i, kind in enumerate(types) if kind in _FORMATTING]
    if not ends:
        raise ConfigError(
            f'{path}.pipeline: --tta needs a pipeline that ends in PackDetInputs, or a '
            f'tta_pipeline in the config; this one has {", ".join(types)}'
        )
    first = ends[0]
    flips = [dict(type='RandomFlip', prob=0.0), dict(type='RandomFlip', prob=1.0)]
    versions = dict(type='TestTimeAug', transforms=[flips, *([step] for step in pipeline[first:])])
    return [*pipeline[:first], versions]
