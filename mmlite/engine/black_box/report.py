"""What a black box says to people: the report, and the images with their boxes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mmlite.datasets.transforms import inverse_transform
from mmlite.engine.black_box.layer_stats import (
    LayerStats,
    LayerWatch,
    first_beyond,
    stats_table,
)
from mmlite.engine.black_box.step_start import Step, autocast
from mmlite.engine.process.random_state import set_random_state
from mmlite.models.heads.dense_head import classifier_of, dense_head_of
from mmlite.parallel import DataContainer, scatter
from mmlite.visualization import draw_detections, draw_ground_truth, write_jpeg
from mmlite.visualization.pictures import enlarged

BOUND = 1e4  # the largest value of a layer that is in order, as ActivationStatsHook has it
_SLACK = 1.0  # pixels that a box may stick out: rounding of sizes


def report_text(
    detector: nn.Module, step: Step, what: str, circumstances: str, command: str
) -> str:
    """Returns the text of report.txt.

    Args:
        detector: with the weights and buffers before the step; the buffers change.
        step: the step, with what was found in it.
        what: what happened.
        circumstances: seed, process, versions.
        command: repeats the step.
    """
    device = next(detector.parameters()).device
    lines = [what, f'epoch {step.epoch}, iteration {step.iteration}; {circumstances}']
    if device.type != 'cpu':
        lines.append(
            'On a GPU numbers are read one iteration later: the weights here have had one step '
            'with gradients of zero (momentum and weight decay) since. Repeated, finite values may '
            'differ a little.'
        )
    lines += ['', f'To repeat the step: {command}', '', 'Losses']
    lines += [f'  {name} = {value:g}' for name, value in step.losses.items()]
    lines += ['', 'Images (images/: boxes solid, ignored ones dashed)']
    lines += _or_why_not(_images, detector, step)
    if step.grad_figures:
        figure = 'norm' if device.type == 'cpu' else 'largest value'
        order = 2 if device.type == 'cpu' else math.inf
        lines += ['', f'Gradients: {figure} by part']
        lines += [f'  {n}: {v:g}' for n, v in _by_part(step.grad_figures, order).items()]
        lines += [f'  not finite: {name}' for name in step.nonfinite_grads]
    lines += ['', 'Layers in a forward pass on this batch, with these weights and random numbers']
    lines += _layers(detector, step, device)
    return '\n'.join(lines) + '\n'


def first_layers(stats: Sequence[LayerStats]) -> list[str]:
    """Returns lines that name the first layer beyond bounds, and the first that is not finite."""
    beyond, not_finite = first_beyond(stats, BOUND), first_beyond(stats, math.inf)
    if beyond is None:
        return [f'no layer is beyond {BOUND:g}']
    lines = []
    if not beyond.num_nonfinite:
        found = f'a value of {beyond.peak:g}'
        lines.append(f'first layer beyond {BOUND:g}: {beyond.name} ({beyond.kind}): {found}')
    if not_finite is not None:
        found = f'{not_finite.num_nonfinite} of {math.prod(not_finite.shape)} values'
        lines.append(f'first layer not finite: {not_finite.name} ({not_finite.kind}): {found}')
    return lines


def _layers(detector: nn.Module, step: Step, device: torch.device) -> list[str]:
    alone = not torch.distributed.is_initialized()
    if not alone and any(isinstance(m, nn.SyncBatchNorm) for m in detector.modules()):
        return ['  left out: SyncBN would wait for the other processes. The replay shows them.']
    return _or_why_not(_watched, detector, step, device)


def _or_why_not(write: Callable[..., list[str]], *args: object) -> list[str]:
    """Lines of a part; where it fails (a detector of other parts, no memory) the rest stays."""
    try:
        return write(*args)
    except OSError:
        raise
    except Exception as error:
        return [f'  could not be looked at: {type(error).__name__}: {error}']


@torch.no_grad()
def _watched(detector: nn.Module, step: Step, device: torch.device) -> list[str]:
    """Runs the layers and no losses: these would wait for other processes."""
    metas = DataContainer([dict(meta) for meta in step.img_metas], cpu_only=True)
    batch = scatter({**step.batch, 'img_metas': metas}, device)
    set_random_state(step.random)
    with LayerWatch(detector) as watch, autocast(device, step.amp_dtype):
        img = detector.data_preprocessor(batch['img'], batch['img_metas'])
        dense_head_of(detector)(detector.extract_feat(img))
    return [*first_layers(watch.stats), stats_table(watch.stats)]


def _by_part(figures: Mapping[str, float], order: float) -> dict[str, float]:
    """Joins the norms, of that order, of all parameters of a part."""
    parts: dict[str, list[float]] = defaultdict(list)
    for name, value in figures.items():
        parts[name.split('.')[0]].append(value)
    return {part: float(torch.tensor(values).norm(order)) for part, values in parts.items()}


# ---- images and boxes ---------------------------------------------------------------------


def _images(detector: nn.Module, step: Step) -> list[str]:
    num_classes = getattr(classifier_of(detector), 'num_classes', None)
    lines = []
    for i, (file, meta) in enumerate(zip(step.files, step.img_metas, strict=True)):
        bboxes, labels, ignored = _truth(step, i)
        shape = meta.get('img_shape')
        lines.append(f'  {i}: {file}: {len(bboxes)} boxes, {len(ignored)} ignored')
        img = step.of_image('img', i)
        if img is not None and img.is_floating_point() and not img.isfinite().all():
            lines.append('     the image itself has values that are not finite')
        for kind, boxes, names in (
            ('box', bboxes, labels.tolist()),
            ('ignored box', ignored, [None] * len(ignored)),
        ):
            for j, (box, label) in enumerate(zip(boxes.tolist(), names, strict=True)):
                faults = box_faults(box, label, shape, num_classes)
                if faults:
                    place = ', '.join(f'{side:g}' for side in box)
                    named = '' if label is None else f', label {label}'
                    lines.append(f'     {kind} {j} ({place}){named}: {"; ".join(faults)}')
    return lines


def box_faults(
    bbox: Sequence[float],
    label: int | None = None,
    img_shape: Sequence[int] | None = None,
    num_classes: int | None = None,
) -> list[str]:
    """Returns what is wrong with a box, in words.

    Args:
        bbox: xyxy in pixels.
        label: 1..C; None for an ignored box, which has none.
        img_shape: (h, w, ...) of the image.
        num_classes: C.
    """
    faults = []
    x1, y1, x2, y2 = bbox
    if not all(map(math.isfinite, bbox)):
        faults.append('not finite')
    elif x2 <= x1 or y2 <= y1:
        faults.append(f'no size: {x2 - x1:g} x {y2 - y1:g}')
    if not faults and img_shape is not None:
        height, width = img_shape[:2]
        if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
            faults.append(f'outside of the image of {width} x {height}')
        elif min(x1, y1) < -_SLACK or x2 > width + _SLACK or y2 > height + _SLACK:
            faults.append(f'sticks out of the image of {width} x {height}')
    if label is not None and num_classes is not None and not 1 <= label <= num_classes:
        faults.append(f'label {label} is not in 1..{num_classes}')
    return faults


def write_images(step: Step, classes: Sequence[str], folder: Path) -> None:
    """Writes a JPEG of each image as the training saw it; boxes that are not finite are left out.

    Args:
        step: has the batch.
        classes: their names.
        folder: is made.
    """
    folder.mkdir()
    for i, (file, meta) in enumerate(zip(step.files, step.img_metas, strict=True)):
        img = step.of_image('img', i)
        # what a plugin's batch has in their place is in the state anyway
        if isinstance(img, Tensor) and img.dim() == 3 and len(img) == 3:
            picture = _drawn(inverse_transform(img, meta), *_truth(step, i), classes)
            write_jpeg(picture, folder / f'{i:02d}_{Path(file).stem}.jpg')


def _drawn(
    img: np.ndarray, bboxes: Tensor, labels: Tensor, ignored: Tensor, classes: Sequence[str]
) -> np.ndarray:
    img, zoom = enlarged(img)
    drawable = bboxes.isfinite().all(dim=1)
    img = draw_detections(img, bboxes[drawable] * zoom, labels[drawable], None, classes)
    ignored = ignored[ignored.isfinite().all(dim=1)]
    return draw_ground_truth(img, ignored * zoom, [1] * len(ignored), ['ignored'])


def _truth(step: Step, i: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns bboxes (g, 4), labels (g,) and ignored bboxes (k, 4) of image i, in its pixels."""
    bboxes, labels, ignored = (
        step.of_image(key, i) for key in ('gt_bboxes', 'gt_labels', 'gt_bboxes_ignore')
    )
    bboxes = torch.zeros(0, 4) if bboxes is None else bboxes.reshape(-1, 4)
    labels = torch.zeros(len(bboxes), dtype=torch.int64) if labels is None else labels
    return bboxes, labels, torch.zeros(0, 4) if ignored is None else ignored.reshape(-1, 4)
