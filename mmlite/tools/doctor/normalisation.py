"""Checks of mean, std and channel order: among themselves, against the weights, on pictures."""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mmlite.config import is_pretrained
from mmlite.datasets.bad_items import leaves
from mmlite.datasets.encoded_image import ImageError, read_image
from mmlite.datasets.transforms import Resize
from mmlite.parallel import collate, scatter, unwrapped
from mmlite.tools.dataset_analysis.splits import network_boxes, read_split, resizing
from mmlite.tools.doctor.context import MANY, Context
from mmlite.tools.doctor.finding import Finding, error, ok, percent, skipped, warning

_IMAGENET = (123.675, 116.28, 103.53)  # RGB, of 0-255; Caffe's differ by less than _NEAR
_NEAR = 3.0
_MEAN, _STD = 3.5, (0.1, 4.0)  # what normalised pictures have at most, and between
_RAW_MEAN, _RAW_STD = 160.0, (10.0, 130.0)  # where std is 1: pictures are only shifted
_STD_OF_PICTURES = 400.0  # that pictures are divided by at most; ImageNet's is 58
_ALMOST_BLACK = 31  # of 255: the highest value that pictures of 12 bits in 16 have is 15
_VANISHED, _MANY_VANISHED = 4, 0.5  # px of the shorter side, and the share of such objects
_RATIO = 1.6  # of the sizes in training and testing; multi-scale training stays below


class Normalisation(NamedTuple):
    """What pictures go through: `mean` and `std` of 0-255, in the order that the network sees."""

    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    rgb: bool
    at: str

    def __str__(self) -> str:
        if self.mean is None:
            return f'no normalisation, {"RGB" if self.rgb else "BGR"}'
        mean, std = (', '.join(f'{v:.4g}' for v in values) for values in (self.mean, self.std))
        return f'mean {mean}, std {std}, {"RGB" if self.rgb else "BGR"} ({self.at})'


class Origin(NamedTuple):
    """What the pictures were like that weights have learnt from."""

    rgb: bool
    unit_std: bool  # Caffe: the mean is taken off, nothing is divided


# the first name that is part of a checkpoint's decides
_ORIGINS = {
    'vgg16.IMAGENET1K_FEATURES': Origin(rgb=True, unit_std=True),  # torchvision's copy of Caffe's
    'vgg16_caffe': Origin(rgb=True, unit_std=True),  # mmdet has turned its first layer round
    'detectron2/resnext': Origin(rgb=False, unit_std=False),
    'detectron': Origin(rgb=False, unit_std=True),
    '_caffe': Origin(rgb=False, unit_std=True),
    '_msra': Origin(rgb=False, unit_std=True),
    'regnetx': Origin(rgb=False, unit_std=False),  # of PyCls, which reads BGR
    'cspnext': Origin(rgb=False, unit_std=False),
    'SwinTransformer/storage': Origin(rgb=True, unit_std=False),
    'whai362/PVT': Origin(rgb=True, unit_std=False),
    'openmmlab.com/mmclassification': Origin(rgb=True, unit_std=False),
    'torchvision://': Origin(rgb=True, unit_std=False),
    'open-mmlab://': Origin(rgb=True, unit_std=False),
    'download.pytorch.org': Origin(rgb=True, unit_std=False),
}


def normalisation(context: Context) -> list[Finding]:
    """The numbers of the config, before any picture is looked at."""
    train = _normalisation(context.checked_detector, context.train_samples)
    findings = []
    if context.val is not None:
        val = _normalisation(context.checked_detector, context.val_samples)
        if val[:3] != train[:3]:
            findings.append(
                error(f'training has {train}; testing has {val}', 'the same in both pipelines')
            )
    return [*findings, _order(train), *_against_weights(train, context)]


def _normalisation(detector: nn.Module, samples: list[dict]) -> Normalisation:
    """What the pipeline and the preprocessor do together; loaded pictures are BGR."""
    preprocessor = detector.data_preprocessor
    norm = unwrapped(samples[0]['img_metas']).get('img_norm_cfg')
    flipped = bool(getattr(preprocessor, 'bgr_to_rgb', False))
    if norm is not None:
        mean, std = (tuple(v * norm['scale'] for v in norm[key]) for key in ('mean', 'std'))
        if flipped:
            mean, std = mean[::-1], std[::-1]
        return Normalisation(mean, std, bool(norm['to_rgb']) != flipped, 'Normalize')
    own = getattr(preprocessor, 'mean_std', None)
    if own is None:
        return Normalisation(None, None, flipped, '')
    return Normalisation(*own, flipped, 'model.data_preprocessor')


def _order(found: Normalisation) -> Finding:
    """ImageNet's mean falls from red to blue, so its order can be recognised."""
    expected = _IMAGENET if found.rgb else _IMAGENET[::-1]
    if found.mean is not None and _near(found.mean, expected[::-1]):
        return error(
            f"{found}: the mean is ImageNet's in the order {'BGR' if found.rgb else 'RGB'}",
            'reverse mean and std, or change bgr_to_rgb (to_rgb)',
        )
    return ok(str(found))


def _near(mean: tuple[float, ...], expected: tuple[float, ...]) -> bool:
    return all(abs(a - b) < _NEAR for a, b in zip(mean, expected, strict=True))


def _against_weights(found: Normalisation, context: Context) -> list[Finding]:
    backbone, detector = context.checked_detector.backbone, context.checked_detector
    own = getattr(backbone, 'mean_std_of_weights', None)
    if own is not None:
        return [_against_numbers(found, own)]
    init_cfgs = [getattr(part, 'init_cfg', None) for part in (backbone, detector)]
    names = [str(init_cfg['checkpoint']) for init_cfg in init_cfgs if is_pretrained(init_cfg)]
    if not names:
        return []
    origin = origin_of(names[0])
    if origin is None:
        return [skipped(f'it is not known what pictures {names[0]} has learnt from')]
    wrong = []
    if origin.rgb != found.rgb:
        wrong.append(f'channels in the order {"RGB" if origin.rgb else "BGR"}')
    if found.mean is None:
        wrong.append('normalised pictures')
    elif origin.unit_std != all(value == 1 for value in found.std):
        wrong.append('std 1' if origin.unit_std else 'std 58.395, 57.12, 57.375 (or on 0-1)')
    if not wrong:
        return [ok(f'this fits {names[0]}')]
    mean = ', '.join(map(str, _IMAGENET if origin.rgb else _IMAGENET[::-1]))
    change = f'mean {mean}, std and bgr_to_rgb as of those weights; or other weights'
    return [error(f'{found}; {names[0]} has learnt from {" and ".join(wrong)}', change)]


def origin_of(checkpoint: str) -> Origin | None:
    """Returns what is known of the pictures that weights have learnt from, by their name."""
    return next((o for pattern, o in _ORIGINS.items() if pattern in checkpoint), None)


def _against_numbers(
    found: Normalisation, own: tuple[tuple[float, ...], tuple[float, ...]]
) -> Finding:
    """Compares with the numbers, in RGB order, that the backbone says its weights have."""
    names = ('mean', 'std')
    fits = found.rgb and found.mean is not None
    if fits and all(_near(a, b) for a, b in zip((found.mean, found.std), own, strict=True)):
        return ok('this fits the weights of the backbone')
    wanted = ', '.join(
        f'{name}=[{", ".join(f"{v:.5g}" for v in values)}]'
        for name, values in zip(names, own, strict=True)
    )
    return error(
        f'{found}; the weights of the backbone have learnt from RGB with {wanted}',
        f'model.data_preprocessor: {wanted}, bgr_to_rgb=True; or other weights',
    )


def network_input(context: Context) -> list[Finding]:
    """The network's input as it comes: mean, spread and size."""
    made = dict(train=context.train_samples)
    if context.val is not None:
        made['val'] = context.val_samples
    unit_std = _is_unit(context)
    findings, sides = [], {}
    for name, few in made.items():
        img, sides[name] = _input(context.checked_detector, collate(copy.deepcopy(few)))
        findings += _spread(name, img, unit_std, _contrast(few))
    low, high = min(sides.values()), max(sides.values())
    if high > _RATIO * low:
        evidence = f'pictures are {sides["train"]:.0f} px large in training and '
        evidence += f'{sides["val"]:.0f} px in testing (the root of their area)'
        findings.append(warning(evidence, 'Resize in both pipelines: objects change their size'))
    return [*findings, *_shrunk(context)]


class ChannelContrast(NamedTuple):
    """What files of pictures hold: the mean of their deviations, and the highest value, 0-255."""

    std: float
    highest: int


def _contrast(few: list[dict]) -> ChannelContrast | None:
    """Returns that of the files of these samples; None where they are not all files."""
    try:
        files = [unwrapped(sample['img_metas'])['filename'] for sample in few]
        pictures = [read_image(file) for file in files]
    except (KeyError, TypeError, ImageError):
        return None
    std = float(np.mean([picture.std() for picture in pictures]))
    return ChannelContrast(std, max(int(picture.max()) for picture in pictures))


def _shrunk(context: Context) -> list[Finding]:
    """Objects that the pipeline makes smaller than a few pixels."""
    tested = leaves(context.val or context.train)
    if not tested or not leaves(context.train) or (len(context.train) > MANY and not context.full):
        return []  # a plugin's data set, or too many to read each of their records
    train, transforms = read_split(context.train, 'train'), resizing(tested[0].pipeline)
    own = (train.bboxes[:, 2:] - train.bboxes[:, :2])[~train.ignored].min(axis=1)
    network = network_boxes(train, transforms).sides.min(axis=1)
    vanished, small = int((network < _VANISHED).sum()), int((own < _VANISHED).sum())
    if not len(network) or vanished - small < _MANY_VANISHED * len(network):
        return []
    times = math.ceil(2 * _VANISHED / max(float(np.median(network)), 0.1))
    sizes = [step.scale for step in transforms if isinstance(step, Resize)]
    scale = tuple(int(side * times) for side in sizes[0]) if sizes and sizes[0] else '(larger)'
    return [
        error(
            f'{percent(vanished, len(network))} objects are less than {_VANISHED} px wide or high '
            f'in the input of the network, and {small} in their images',
            f"dict(type='Resize', scale={scale}, ...) in both pipelines: objects are then {times} "
            'times as large; or cut the images into tiles',
        )
    ]


def _input(detector: nn.Module, batch: dict) -> tuple[Tensor, float]:
    """Returns the normalised batch, and how large its pictures are: the root of their area."""
    batch = scatter(batch, 'cpu')
    shapes = [meta['img_shape'] for meta in batch['img_metas']]
    detector.eval()  # else batches are padded to a size of their own
    with torch.no_grad():
        img = detector.data_preprocessor(batch['img'], batch['img_metas'])
    return img, float(torch.tensor([(h * w) ** 0.5 for h, w, *_ in shapes]).mean())


def _is_unit(context: Context) -> bool:
    std = _normalisation(context.checked_detector, context.train_samples).std
    return std is not None and all(value == 1 for value in std)


def _spread(name: str, img: Tensor, unit_std: bool, files: ChannelContrast | None) -> list[Finding]:
    # of each channel by itself: wrong numbers set them apart from each other
    mean, std = img.mean().item(), img.std(dim=(0, 2, 3)).mean().item()
    size = 'x'.join(map(str, img.shape))
    evidence = f'{name}: {size}, mean {mean:.3g}, std {std:.3g}'
    most, (low, high) = (_RAW_MEAN, _RAW_STD) if unit_std else (_MEAN, _STD)
    if files is not None and 0 < files.highest <= _ALMOST_BLACK:
        return [
            warning(
                f'{evidence}; the highest value in the files of these pictures is {files.highest} '
                'of 255: they are almost black',
                'files of 16 bits are read by their upper 8: multiply values of 10 or 12 bits by '
                '64 or 16, and write the files again',
            )
        ]
    # pictures of one colour stay so, and what has little contrast keeps little
    flat = files is not None and std < low and files.std < _STD_OF_PICTURES * std
    flat = flat or (files is not None and files.std < 1)
    if abs(mean) < most and (flat or low < std < high):
        return [ok(evidence)]
    found = f'{evidence}; a mean of less than {most:g} and a std of {low:g} to {high:g} are usual'
    change = 'mean and std: are the pictures 0-255 where they come there, and normalised once?'
    return [error(found, change)]
