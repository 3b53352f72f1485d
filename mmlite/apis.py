"""From Python: build a detector with its weights, and run it on images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import nn

from mmlite.config import load_config
from mmlite.datasets.transforms import Compose
from mmlite.datasets.transforms.loading import LoadImageFromFile, set_loaded_image
from mmlite.engine.checkpoint import load_checkpoint
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.models.layers import prepare_for_inference
from mmlite.parallel import collate, scatter

Image = str | os.PathLike | np.ndarray


def init_detector(
    config: str | Path | Config, checkpoint: str | Path | None = None, device: str = 'cpu'
) -> nn.Module:
    """Builds a detector ready for `inference_detector`.

    Args:
        config: a config file, or what `load_config` returned.
        checkpoint: its weights, all of them; None leaves them undrawn.
        device: where the detector lies.

    Returns:
        the detector, see `prepare_for_inference`; `cfg` and `classes` (names, or None) are set
        on it.

    Raises:
        DataError: the checkpoint cannot be read, or is not of this model.
    """
    cfg = config if isinstance(config, Config) else load_config(config)
    detector = build_detector(cfg.model)
    meta: dict = {}
    if checkpoint is not None:
        meta = load_checkpoint(detector, checkpoint, min_share=1).meta
    detector.cfg = cfg
    detector.classes = (meta.get('dataset_meta') or {}).get('classes')
    return prepare_for_inference(detector.to(device))


@torch.inference_mode()
def inference_detector(
    model: nn.Module, imgs: Image | Sequence[Image]
) -> dict[str, np.ndarray] | list[dict[str, np.ndarray]]:
    """Detects objects in one image or several, by the test pipeline of the model's config.

    Args:
        model: from `init_detector`.
        imgs: a path or an image (h, w, 3) BGR uint8, or a list of them; a list is one batch.

    Returns:
        dict(bboxes (n, 4) xyxy in pixels of the image, scores (n,), labels (n,) 1..C), best
        first; a list of them for a list.
    """
    if isinstance(imgs, (str, os.PathLike, np.ndarray)):
        return inference_detector(model, [imgs])[0]
    pipeline = _pipeline_after_loading(model.cfg)
    samples = [pipeline(_loaded(img, i)) for i, img in enumerate(imgs)]
    batch = scatter(collate(samples), next(model.parameters()).device)
    inputs = {key: batch[key] for key in ('img', 'img_metas')}
    return [
        {key: value.cpu().numpy() for key, value in det.items()}
        for det in model(**inputs, return_loss=False)
    ]


def _pipeline_after_loading(cfg: Config) -> Compose:
    steps: list[Any] = list(cfg.test_dataloader.dataset.pipeline)
    if not steps or steps[0].get('type') != 'LoadImageFromFile':
        raise ConfigError('test_dataloader.dataset.pipeline: LoadImageFromFile must come first')
    return Compose(steps[1:])


def _loaded(img: Image, index: int) -> dict[str, Any]:
    if isinstance(img, np.ndarray):
        return set_loaded_image(dict(filename=f'image {index}', img_id=index), img)
    return LoadImageFromFile()(dict(filename=os.fspath(img), img_id=index))
