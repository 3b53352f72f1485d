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

from mmlite.checkpoints.file import trained_classes
from mmlite.checkpoints.loading import load_weights, read_checkpoint
from mmlite.config import load_config
from mmlite.config.overrides import override
from mmlite.config.recorded import config_in
from mmlite.datasets.encoded_image import read_image
from mmlite.datasets.transforms import Compose
from mmlite.datasets.transforms.loading import set_loaded_image
from mmlite.engine.parts import Parts
from mmlite.errors import ConfigError
from mmlite.inference.detections import Detections
from mmlite.models.layers import prepare_for_inference
from mmlite.parallel import collate, scatter
from mmlite.registry import DATASETS, without_scope
from mmlite.support.devices import find_device
from mmlite.visualization import drawing, write_image

Image = str | os.PathLike | np.ndarray

_CONFIG_ENDINGS = ('.py', '.json', '.yaml', '.yml')


def init_detector(
    config: str | Path | Config | None = None,
    checkpoint: str | Path | None = None,
    device: str | torch.device = 'cpu',
    allow_partial: bool = False,
    trusted: bool = False,
    layout: str | None = None,
    overrides: Mapping[str, Any] | Sequence[str] = (),
) -> nn.Module:
    """Builds a detector ready for `inference_detector`.

    `init_detector('epoch_8.pth')` is enough for a checkpoint of `tools/train.py`, which holds its
    config; `init_detector(config, checkpoint)` is mmdet's form.

    On a CPU, `mmlite.support.allocator.keep_feature_maps()` before it makes the whole process
    faster, as `tools/predict.py` does.

    Args:
        config: a config file, or what `load_config` returned; None for the config that the
            checkpoint holds. A checkpoint as the only one of the two is taken for that.
        checkpoint: its weights, all of them; None leaves them undrawn.
        device: where the detector lies.
        allow_partial: go on where only a part of the checkpoint fits.
        trusted, layout: as `load_checkpoint`.
        overrides: of the config, as `load_config` takes them.

    Returns:
        the detector, see `prepare_for_inference`; `cfg` and `classes` (the names of labels 1..C)
        are set on it.

    Raises:
        ConfigError: there is no config, it cannot be built, or there is no such device.
        DataError: the checkpoint cannot be read, or is not of this model.
    """
    place = find_device(device, 'init_detector: device')
    return prepare_for_inference(
        load_detector(config, checkpoint, allow_partial, trusted, layout, overrides).to(place)
    )


def load_detector(
    config: str | Path | Config | None = None,
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
    config, checkpoint = _config_and_checkpoint(config, checkpoint)
    content = {} if checkpoint is None else read_checkpoint(checkpoint, trusted)
    meta = content.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    if config is None:
        config = config_in(meta, str(checkpoint))
    elif not isinstance(config, Config):
        config = load_config(config)
    parts = Parts(config, 'test', trained_classes(meta))
    cfg = parts.cfg
    override(cfg, overrides)
    detector = parts.detector
    if checkpoint is not None:
        share = 0 if allow_partial else 1
        load_weights(detector, content, str(checkpoint), layout=layout, min_share=share)
    detector.cfg = cfg
    detector.classes = _class_names(cfg, meta, detector.num_classes)
    return detector.eval()


def _config_and_checkpoint(
    config: str | Path | Config | None, checkpoint: str | Path | None
) -> tuple[str | Path | Config | None, str | Path | None]:
    """Puts a checkpoint that is given as the only argument into its place.

    Raises:
        ConfigError: there is neither, or they are in the places of each other.
    """
    if config is None and checkpoint is None:
        raise ConfigError('init_detector: a config, or a checkpoint that holds one, is needed')
    if config is None or isinstance(config, Config) or _is_config_file(config):
        return config, checkpoint
    if checkpoint is None:
        return None, config
    if _is_config_file(checkpoint):
        raise ConfigError(
            f'init_detector: the config comes first: init_detector({str(checkpoint)!r}, '
            f'{str(config)!r})'
        )
    return config, checkpoint


def _is_config_file(path: str | Path) -> bool:
    return Path(path).suffix in _CONFIG_ENDINGS


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
        ConfigError: `model` is not from `init_detector`, the test pipeline does not start by
            loading a file, or an array is no image.
        ImageError: a file cannot be read as an image.
    """
    if not isinstance(getattr(model, 'cfg', None), Config):
        raise ConfigError(
            'inference_detector: a detector of init_detector is expected first, found '
            f'{type(model).__name__}'
        )
    if not isinstance(imgs, (list, tuple)):
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


def draw_result(
    img: Image,
    detections: Detections,
    score_thr: float = 0.3,
    classes: Sequence[str] | None = None,
    out_file: str | os.PathLike | None = None,
) -> np.ndarray:
    """Draws what `inference_detector` found into a copy of the image.

    Args:
        img: the image that was looked at: a path, or (h, w, 3) BGR uint8.
        detections: of this image.
        score_thr: detections of a lower score are left out.
        classes: names to write; None for those of the model.
        out_file: where the picture is written too; the ending is one that OpenCV writes.

    Returns:
        (h, w, 3) BGR uint8, `out[..., ::-1]` is RGB for matplotlib and Pillow.

    Raises:
        ConfigError: these are not the detections of one image, an array is no image, or the file
            cannot be written.
        ImageError: the file cannot be read as an image.
    """
    if not isinstance(detections, Detections):
        raise ConfigError(
            'draw_result: the detections of one image are expected, as inference_detector '
            f'returns them; found {type(detections).__name__}'
        )
    names = detections.classes if classes is None else classes
    _check_image(img, 'draw_result: img')
    if not isinstance(img, np.ndarray):
        img = read_image(os.fspath(img))
    drawn = drawing.draw_detections(
        img, detections.bboxes, detections.labels, detections.scores, names, score_thr
    )
    if out_file is not None:
        write_image(drawn, Path(out_file))
    return drawn


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
    _check_image(img, f'image {index}')
    if not isinstance(img, np.ndarray):
        return load(dict(filename=os.fspath(img), img_id=index))
    return set_loaded_image(dict(filename=f'image {index}', img_id=index), img)


def _check_image(img: Image, name: str) -> None:
    """Refuses what is neither a path nor an array (h, w, 3) of uint8, and says what makes it one.

    Raises:
        ConfigError: it is something else.
    """
    expected = f'{name}: a path or an array (h, w, 3) BGR uint8 is expected, found'
    if isinstance(img, (str, os.PathLike)):
        return
    if not isinstance(img, np.ndarray):
        raise ConfigError(f'{expected} {type(img).__name__}')
    if img.ndim != 3 or img.shape[2] != 3 or not img.size:
        gray = img.ndim == 2 and img.size
        cure = '. cv2.cvtColor(img, cv2.COLOR_GRAY2BGR) makes one of a gray one' if gray else ''
        raise ConfigError(f'{expected} the shape {img.shape}{cure}')
    if img.dtype != np.uint8:
        raise ConfigError(f'{expected} {img.dtype}. Its values have to be 0 to 255, as in a file')


def _class_names(cfg: Config, meta: Mapping[str, Any], num_classes: int) -> tuple[str, ...]:
    """Those trained on, else those of the test data, else the labels themselves."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    own = {}
    if 'type' in dataset:
        own = getattr(DATASETS.find(dataset['type'], 'test_dataloader.dataset'), 'METAINFO', {})
    candidates = (
        trained_classes(meta),
        (dataset.get('metainfo') or {}).get('classes'),
        own.get('classes'),
    )
    for names in candidates:
        if isinstance(names, (list, tuple)) and len(names) == num_classes:
            return tuple(map(str, names))
    return tuple(str(label) for label in range(1, num_classes + 1))
