"""What a pipeline makes of a data set, drawn: the samples as the model gets them, or every step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from mmlite.datasets.loader import derive_seed, kept_random_state, seed_sample
from mmlite.datasets.single_transforms import picture_of, run_transforms, transforms_of
from mmlite.datasets.transforms import inverse_transform
from mmlite.datasets.wrappers import DatasetWrapper
from mmlite.models.preprocessor import build_preprocessor
from mmlite.ops.boxes import flip_boxes, to_input
from mmlite.parallel import collate, scatter, unwrapped
from mmlite.visualization.drawing import draw_detections, draw_ground_truth
from mmlite.visualization.pictures import enlarged

_NO_PICTURE = np.zeros((240, 320, 3), np.uint8)
_BAR = 26  # height in pixels of the line of text above a picture


def model_views(dataset: Any, i: int, preprocessor: nn.Module, seed: int) -> list[np.ndarray]:
    """Returns sample i as the model sees it, (h, w, 3) BGR; several versions with TestTimeAug.

    The sample is collated, scattered and preprocessed as in a run, and then turned back.

    Args:
        dataset: with its pipeline.
        i: index of the sample.
        preprocessor: of the model.
        seed: the same seed draws the same sample.
    """
    with kept_random_state():
        seed_sample(derive_seed(seed, i))
        sample = dataset[i]
    return [
        _view(dataset, i, version, preprocessor) for version in sample.get('versions', [sample])
    ]


def _view(dataset: Any, i: int, sample: dict, preprocessor: nn.Module) -> np.ndarray:
    batch = scatter(collate([sample]), 'cpu')
    meta = batch['img_metas'][0]
    with torch.no_grad():
        img = preprocessor(batch['img'], batch['img_metas'])[0]
    normalisation = _normalisation(preprocessor)
    if meta.get('img_norm_cfg') is not None and normalisation['to_rgb']:
        img = img.flip(0)  # the preprocessor turned what the pipeline had normalised
    picture = inverse_transform(img, meta, **normalisation)
    boxes = _boxes_of(dataset, i, batch, meta)
    name = str(meta.get('filename', '')).replace('\\', '/').rpartition('/')[2]
    return _drawn(picture, boxes, dataset.classes, f'{name}  {_size(picture)}')


def _normalisation(preprocessor: nn.Module) -> dict[str, Any]:
    """What the preprocessor did to the pixels; it holds numbers for pixels of 0-255."""
    mean, std = getattr(preprocessor, 'mean_std', None) or ((0, 0, 0), (1, 1, 1))
    return dict(mean=mean, std=std, to_rgb=getattr(preprocessor, 'bgr_to_rgb', False))


def _boxes_of(dataset: Any, i: int, batch: Mapping, meta: Mapping) -> dict[str, np.ndarray]:
    """The boxes in pixels of the input: the sample's, or where it has none those of the file."""
    if 'gt_bboxes' in batch and not _is_for_testing(dataset):
        return _boxes_in({key: value[0] for key, value in batch.items()})
    # in testing LoadAnnotations may come after Resize, with boxes in original pixels
    ann = dataset.get_ann_info(i)
    bboxes, ignored = (_seen_boxes(ann[key], meta) for key in ('bboxes', 'bboxes_ignore'))
    return dict(bboxes=bboxes, labels=ann['labels'], ignored=ignored)


def _seen_boxes(bboxes: np.ndarray, meta: Mapping) -> np.ndarray:
    """Boxes (n, 4) of the original picture in pixels of the input, mirrored where that is."""
    boxes = torch.as_tensor(bboxes).float()
    if meta.get('flip'):
        boxes = flip_boxes(boxes, meta['ori_shape'], meta['flip_direction'])
    return to_input(boxes, {'scale_factor': np.ones(4), **meta}).numpy()


def _is_for_testing(dataset: Any) -> bool:
    while isinstance(dataset, DatasetWrapper):
        dataset, _ = dataset.locate(0)
    return getattr(dataset, 'test_mode', False)


def stage_views(dataset: Any, i: int, seed: int) -> list[np.ndarray]:
    """Returns a picture of sample i after each transform of its pipeline, run one by one.

    Transforms that `Compose` joins make each its own pixels here; rounding may differ by a grey
    level. The last picture is the one that `model_views` shows, for the same seed, unless a
    transform dropped the sample, in which case a run would take another one.
    """
    views = []
    with kept_random_state():
        seed_sample(derive_seed(seed, i))
        for number, (name, results) in enumerate(stages(dataset, i), 1):
            if results is None:
                views.append(_drawn(_NO_PICTURE, {}, (), f'{name}: dropped'))
                break
            for version in results.get('versions', [results]):
                picture = picture_of(version)
                picture = _NO_PICTURE if picture is None else picture
                data = {key: unwrapped(value) for key, value in version.items()}
                boxes = _boxes_in(data) if 'gt_bboxes' in data else {}
                title = f'{number} {name}  {_size(picture)}'
                views.append(_drawn(picture, boxes, dataset.classes, title))
    return views


def stages(dataset: Any, i: int) -> Iterator[tuple[str, dict | None]]:
    """Yields the name of each transform and what it made of sample i; None for dropped."""
    leaf, index, transforms = transforms_of(dataset, i)
    results = leaf.get_data_info(index)
    # it ends where a step drops the sample
    for (_, transform), made in zip(transforms, run_transforms(results, transforms), strict=False):
        yield getattr(transform, '__name__', type(transform).__name__), made


def _boxes_in(data: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The boxes of a sample whose DataContainers are opened, as arrays."""
    bboxes = np.asarray(data['gt_bboxes'])
    return dict(
        bboxes=bboxes,
        labels=np.asarray(data.get('gt_labels', np.zeros(len(bboxes), int))),
        ignored=np.asarray(data.get('gt_bboxes_ignore', np.zeros((0, 4)))),
    )


def _drawn(
    picture: np.ndarray, boxes: Mapping[str, np.ndarray], classes: tuple[str, ...], title: str
) -> np.ndarray:
    """The picture with its boxes, ignored ones in white dashes, under a line of text."""
    img, zoom = enlarged(picture)
    if boxes:
        ignored = boxes['ignored']
        img = draw_ground_truth(img, ignored * zoom, np.ones(len(ignored), int), ('ignored',))
        img = draw_detections(img, boxes['bboxes'] * zoom, boxes['labels'], classes=classes)
        title += f'  {len(boxes["bboxes"])} boxes'
        title += f', {len(ignored)} ignored' if len(ignored) else ''
    return with_title(img, title)


def with_title(img: np.ndarray, text: str) -> np.ndarray:
    """Returns the picture (h, w, 3) with a line of text above it, as large as its width allows."""
    bar = max(_BAR, img.shape[1] // 20)
    scale = bar / 32
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    scale *= min(1.0, (img.shape[1] - 8) / max(width, 1))
    out = cv2.copyMakeBorder(img, bar, 0, 0, 0, cv2.BORDER_CONSTANT, value=(245, 245, 245))
    at = (4, round(bar * 0.72))
    cv2.putText(out, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return out


def _size(picture: np.ndarray) -> str:
    return f'{picture.shape[1]}x{picture.shape[0]}'


def preprocessor_of(model: Mapping | None) -> nn.Module:
    """Builds the preprocessor of a config's model; one that changes nothing where it has none."""
    return build_preprocessor((model or {}).get('data_preprocessor')).eval()
