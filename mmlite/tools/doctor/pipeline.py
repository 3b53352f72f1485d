"""Whether boxes and pixels stay together through a pipeline.

An image of a sample's size goes through its pipeline twice with the same random numbers: once
black, once with a white rectangle where a box is. Where the two differ afterwards, there the object
is, whatever was resized, flipped, cropped, filled in or coloured; and there its box has to be.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.datasets.base import DetDataset
from mmlite.datasets.loader import kept_random_state, seed_sample
from mmlite.datasets.transforms import Compose
from mmlite.ops.boxes import to_original
from mmlite.parallel import unwrapped
from mmlite.support.arrays import evenly_spread
from mmlite.tools.doctor.context import Context, samples
from mmlite.tools.doctor.finding import Finding, error, ok, percent, skipped, warning

_PROBES = 8  # images that are probed in each split
_LOOKED_AT = 400  # images of each split that they are chosen from
_PROBE_SHARE = 0.25  # of the sides of an image, that a probed box has at least
_SEEDS = 2  # times that each is, with other random numbers
_SMALLEST = 8  # px: the border of a smaller object is too uncertain
_TOGETHER = 0.7  # IoU of a box and its pixels: bilinear resizing blurs a border by a pixel
_SAMPLES = 32  # real samples whose boxes are looked at
_MOVE_ALONG = 'that step, or its place: those after LoadAnnotations have to move boxes along'
_PUT_BACK = 'that step: scale_factor has to say what it did, detections are put back by it'
_LOST = 0.5  # share of objects that a pipeline may drop
_ENOUGH = 20  # objects that such a share says something about


@dataclass
class Probe:
    """A box of a record, and a pipeline that it goes through.

    Args:
        info: what the pipeline gets, with one box in `ann`.
        seed: of the random numbers.
    """

    info: dict
    seed: int

    def through(self, pipeline: Callable) -> tuple[dict, Tensor] | None:
        """Returns the result for the white rectangle, and where its pixels are, (4,) xyxy.

        None where the sample is dropped, or the pipeline draws random numbers of its own.
        """
        results = [self._run(pipeline, white) for white in (False, True)]
        if any(result is None for result in results):
            return None
        black, white = (_pixels(result['img']) for result in results)
        if black.shape != white.shape:
            return None
        return results[1], _extent(np.abs(white - black).max(axis=2))

    def _run(self, pipeline: Callable, white: bool) -> dict | None:
        picture = np.zeros((self.info['height'], self.info['width'], 3), np.uint8)
        x1, y1, x2, y2 = self.info['ann']['bboxes'][0].astype(int)
        picture[y1:y2, x1:x2] = 255 * white
        with tempfile.TemporaryDirectory() as folder, kept_random_state():
            file = os.path.join(folder, 'probe.png')  # a file serves any loading transform
            cv2.imencode('.png', picture)[1].tofile(file)
            seed_sample(self.seed)
            ann = {key: value.copy() for key, value in self.info['ann'].items()}
            return pipeline({**self.info, 'filename': file, 'ann': ann})


def _pixels(img: Any) -> np.ndarray:
    """Returns a picture of any step, (h, w, 3) float32."""
    img = unwrapped(img)
    img = img.permute(1, 2, 0).numpy() if isinstance(img, Tensor) else img
    return np.asarray(img, np.float32)


def _extent(difference: np.ndarray) -> Tensor:
    rows, columns = np.nonzero(difference > difference.max() / 2)
    if not len(rows):
        return torch.zeros(4)
    ends = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return torch.tensor(ends, dtype=torch.float32)


def boxes(context: Context) -> list[Finding]:
    """Boxes against pixels in training and testing, and the boxes of real samples."""
    findings = [_probed('train', context.trained, _box_of, _MOVE_ALONG)]
    if context.val is not None:
        findings.append(_probed('val', context.val, _box_put_back, _PUT_BACK))
    return findings + _real_boxes(context)


BoxesOf = Callable[[dict, Tensor, Probe], tuple[Tensor, Tensor] | None]


def _box_of(result: dict, extent: Tensor, probe: Probe) -> tuple[Tensor, Tensor] | None:
    """The box that comes along with the pixels; None where it is not loaded yet."""
    if 'gt_bboxes' not in result:
        return None
    found = torch.as_tensor(unwrapped(result['gt_bboxes'])).reshape(-1, 4).float()
    return (found[0] if len(found) else torch.zeros(4)), extent


def _box_put_back(result: dict, extent: Tensor, probe: Probe) -> tuple[Tensor, Tensor]:
    """The pixels brought back to the original image, as detections are, against the record."""
    meta = unwrapped(result['img_metas']) if 'img_metas' in result else result
    place = {'scale_factor': np.ones(4), **meta}
    return to_original(extent, place), torch.as_tensor(probe.info['ann']['bboxes'][0]).float()


def _probed(split: str, dataset: Any, boxes_of: BoxesOf, change: str) -> Finding:
    probes = list(_probes(dataset))
    if not probes:
        return skipped(f'{split}: samples are not made of one image, or its size is not known')
    apart, compared = [], 0
    for probe, pipeline in probes:
        overlap = _overlap(probe, pipeline, boxes_of)
        compared += overlap is not None
        if overlap is not None and overlap < _TOGETHER:
            apart.append((probe, pipeline, overlap))
    if apart:
        probe, pipeline, overlap = apart[0]
        step = _first_step_apart(probe, pipeline, boxes_of)
        return error(
            f'{split}: {percent(len(apart), compared)} boxes are not where their pixels are after '
            f'the pipeline, IoU {overlap:.2f}; the first step after which they are apart: {step}',
            change,
        )
    if not compared:
        return error(
            f'{split}: no sample of the pipeline has gt_bboxes',
            "dict(type='LoadAnnotations', with_bbox=True) after LoadImageFromFile",
        )
    return ok(f'{split}: {compared} boxes are where their pixels are after the pipeline')


def _probes(dataset: Any) -> Iterator[tuple[Probe, Compose]]:
    for i in _probed_images(dataset):
        leaf, inner = _source(dataset, i)
        if not isinstance(leaf, DetDataset):
            continue  # made of several images
        info = leaf.get_data_info(inner)
        size = (info['width'], info['height'])
        if min(size) < _SMALLEST:
            continue
        info['ann'].update(_one_box(info['ann'], size))
        info['ann'].update({f'{key}_ignore': info['ann'][key][:0] for key in ('bboxes', 'labels')})
        for seed in range(_SEEDS):
            yield Probe(info, seed), leaf.pipeline


def _probed_images(dataset: Any) -> list[int]:
    """Images that are spread over the data; those with objects where there are some."""
    spread = evenly_spread(len(dataset), _LOOKED_AT).tolist()
    inds = [i for i in spread if len(dataset.get_ann_info(i)['labels'])] or spread
    return [inds[place] for place in evenly_spread(len(inds), _PROBES)]


def _one_box(ann: dict, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """The largest box of an image, made larger around its centre where it is too small to see."""
    bboxes, labels = ann['bboxes'], ann['labels']
    if not len(bboxes):
        bboxes, labels = np.array([[0.0, 0.0, *size]]) / 2, np.ones(1, np.int64)
    largest = [int((bboxes[:, 2:] - bboxes[:, :2]).min(axis=1).argmax())]
    low, high = bboxes[largest, :2], bboxes[largest, 2:]
    half = np.maximum(high - low, np.array(size) * _PROBE_SHARE) / 2
    centre = np.clip((low + high) / 2, half, np.maximum(half, size - half))
    whole = np.concatenate([centre - half, centre + half], axis=1).round()
    whole = np.clip(whole, 0, [*size, *size]).astype(np.float32)
    return dict(bboxes=whole, labels=labels[largest])


def _source(dataset: Any, i: int) -> tuple[Any, int]:
    """Returns the data set whose pipeline makes sample i, and its index in there."""
    while hasattr(dataset, 'locate') and not hasattr(dataset, 'pipeline'):
        dataset, i = dataset.locate(i)
    return dataset, i


def _overlap(probe: Probe, pipeline: Callable, boxes_of: BoxesOf) -> float | None:
    """Returns the IoU of the box and its pixels; None where there is nothing to compare."""
    outcome = probe.through(pipeline)
    pair = outcome and boxes_of(*outcome, probe)
    if not pair:
        return None
    one, other = pair
    sides = torch.stack([one[2:] - one[:2], other[2:] - other[:2]])
    if not sides.any() or 0 < sides.amax(dim=0).min() < _SMALLEST:
        return None  # cropped away, or too small to tell
    return box_iou(one[None], other[None]).item()


def _first_step_apart(probe: Probe, pipeline: Compose, boxes_of: BoxesOf) -> str:
    for count in range(1, len(pipeline.transforms) + 1):
        overlap = _overlap(probe, Compose(pipeline.transforms[:count]), boxes_of)
        if overlap is not None and overlap < _TOGETHER:
            return f'{type(pipeline.transforms[count - 1]).__name__} (step {count})'
    return 'none by itself'


def _real_boxes(context: Context) -> list[Finding]:
    objects = context.with_objects()
    inds = [objects[place] for place in evenly_spread(len(objects), _SAMPLES)]
    made = samples(context.train, inds)
    before = sum(len(context.train.get_ann_info(i)['labels']) for i in inds)
    after = outside = lost = 0
    for sample in made:
        if 'gt_bboxes' not in sample:
            return []  # the probes have said so
        meta = unwrapped(sample['img_metas'])
        height, width = meta['img_shape'][:2]
        lost += meta.get('lost_boxes', 0)
        bboxes = unwrapped(sample['gt_bboxes'])
        limits = bboxes.new_tensor([width, height]) + 1
        bad = (bboxes[:, :2] < -1) | (bboxes[:, 2:] > limits) | (bboxes[:, 2:] <= bboxes[:, :2])
        after, outside = after + len(bboxes), outside + int(bad.any(dim=1).sum())
    found = f'{len(made)} images of training have {before} objects, {after} after the pipeline'
    if outside or lost:
        return [
            error(
                f'{found}; {outside} of these are outside of their picture, and {lost} were left '
                'out at the end as they have no area',
                'the step that moves boxes has to clip them and to drop what is left of none',
            )
        ]
    if after < _LOST * before and before >= _ENOUGH:
        return [warning(found, 'the crops of the pipeline: less of them, or larger ones')]
    return [ok(found)]
