"""From Python: build a detector with its weights, and run it on images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor, nn

from mmlite.checkpoints.loading import load_weights, read_checkpoint
from mmlite.config import load_config
from mmlite.config.overrides import override
from mmlite.config.recorded import config_in
from mmlite.datasets.transforms import Compose
from mmlite.datasets.transforms.loading import set_loaded_image
from mmlite.engine.parts import Parts
from mmlite.errors import ConfigError
from mmlite.inference.detections import Detections
from mmlite.models.layers import prepare_for_inference
from mmlite.parallel import collate, scatter
from mmlite.registry import DATASETS, without_scope

Image = str | os.PathLike | np.ndarray


def init_detector(
    config: str | Path | Config | None,
    checkpoint: str | Path | None = None,
    device: str = 'cpu',
    allow_partial: bool = False,
    trusted: bool = False,
    layout: str | None = None,
    overrides: Mapping[str, Any] | Sequence[str] = (),
) -> nn.Module:
    """Builds a detector ready for `inference_detector`.

    On a CPU, `mmlite.support.allocator.keep_feature_maps()` before it makes the whole process
    faster, as `tools/predict.py` does.

    Args:
        config: a config file, or what `load_config` returned; None for the config that the
            checkpoint holds, as those of `tools/train.py` do.
        checkpoint: its weights, all of them; None leaves them undrawn.
        device: where the detector lies.
        allow_partial: go on where only a part of the checkpoint fits.
        trusted, layout: as `load_checkpoint`.
        overrides: of the config, as `load_config` takes them.

    Returns:
        the detector, see `prepare_for_inference`; `cfg` and `classes` (the names of labels 1..C)
        are set on it.

    Raises:
        ConfigError: there is no config, or it cannot be built.
        DataError: the checkpoint cannot be read, or is not of this model.
    """
    return prepare_for_inference(
        load_detector(config, checkpoint, allow_partial, trusted, layout, overrides).to(device)
    )


def load_detector(
    config: str | Path | Config | None,
    checkpoint: str | Path | None = None,
    allow_partial: bool = False,
    trusted: bool = False,
    layout: str | None = None,
    overrides: Mapping[str, Any] | Sequence[str] = (),
) -> nn.Module:
    """The detector of `init_detector` in eval mode, on the CPU and with nothing prepared.

    Raises:
        ConfigError: there is no config, neither given nor in the checkpoint, or it has no model.
        DataError: the checkpoint cannot be read, or does not fit the model.
    """
    if config is None and checkpoint is None:
        raise ConfigError('init_detector: a config, or a checkpoint that holds one, is needed')
    content = {} if checkpoint is None else read_checkpoint(checkpoint, trusted)
    meta = content.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    if config is None:
        config = config_in(meta, str(checkpoint))
    elif not isinstance(config, Config):
        config = load_config(config)
    parts = Parts(config, 'test', _trained_names(meta))
    cfg = parts.cfg
    override(cfg, overrides)
    detector = parts.detector
    if checkpoint is not None:
        share = 0 if allow_partial else 1
        load_weights(detector, content, str(checkpoint), layout=layout, min_share=share)
    detector.cfg = cfg
    detector.classes = _class_names(cfg, meta, detector.bbox_head.num_classes)
    return detector.eval()


@torch.inference_mode()
def inference_detector(
    model: nn.Module, imgs: Image | Sequence[Image]
) -> Detections | list[Detections]:
    """Detects objects in one image or several, by the test pipeline of the model's config.

    Args:
        model: from `init_detector`.
        imgs: a path or an image (h, w, 3) BGR uint8, or a list of them; a list is one batch.

    Returns:
        the detections, bboxes (n, 4) xyxy in pixels of the image, scores (n,), labels (n,) 1..C,
        best first: as attributes, or by name as from a dict; a list of them for a list.
        `to_lists()` makes mmdet 2.x's lists of them.

    Raises:
        ConfigError: the test pipeline does not start by loading a file, or an array is no image.
        ImageError: a file cannot be read as an image.
    """
    if isinstance(imgs, (str, os.PathLike, np.ndarray)):
        return inference_detector(model, [imgs])[0]
    if not len(imgs):
        return []
    transforms = _test_pipeline(model.cfg)
    load, prepare = Compose(transforms[:1]), Compose(transforms[1:])
    samples = [prepare(_loaded(img, i, load)) for i, img in enumerate(imgs)]
    batch = scatter(collate(samples), next(model.parameters()).device)
    inputs = {key: batch[key] for key in ('img', 'img_metas')}
    found = model(**inputs, return_loss=False)
    return [as_detections(det, model.classes) for det in found]


def as_detections(det: Mapping[str, Tensor], classes: Sequence[str]) -> Detections:
    """Brings one image's dict from `detector.predict` to the host."""
    arrays = (det[key].cpu().numpy() for key in ('bboxes', 'scores', 'labels'))
    return Detections(*arrays, tuple(classes))


def _test_pipeline(cfg: Config) -> list[Any]:
    transforms = list(cfg.test_dataloader.dataset.pipeline)
    if not transforms or without_scope(str(transforms[0].get('type'))) != 'LoadImageFromFile':
        raise ConfigError('test_dataloader.dataset.pipeline: LoadImageFromFile must come first')
    return transforms


def _loaded(img: Image, index: int, load: Compose) -> dict[str, Any]:
    if not isinstance(img, np.ndarray):
        return load(dict(filename=os.fspath(img), img_id=index))
    if img.ndim != 3 or img.shape[2] != 3 or not img.size:
        raise ConfigError(
            f'image {index}: an array (h, w, 3) BGR is expected, found shape {img.shape}'
        )
    return set_loaded_image(dict(filename=f'image {index}', img_id=index), img)


def _trained_names(meta: Mapping[str, Any]) -> Any:
    """The names that a checkpoint holds, as mmdet 3.x or 2.x writes them."""
    return (meta.get('dataset_meta') or {}).get('classes') or meta.get('CLASSES')


def _class_names(cfg: Config, meta: Mapping[str, Any], num_classes: int) -> tuple[str, ...]:
    """Those trained on, else those of the test data, else the labels themselves."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    own = {}
    if 'type' in dataset:
        own = getattr(DATASETS.find(dataset['type'], 'test_dataloader.dataset'), 'METAINFO', {})
    candidates = (
        _trained_names(meta),
        (dataset.get('metainfo') or {}).get('classes'),
        own.get('classes'),
    )
    for names in candidates:
        if isinstance(names, (list, tuple)) and len(names) == num_classes:
            return tuple(map(str, names))
    return tuple(str(label) for label in range(1, num_classes + 1))
