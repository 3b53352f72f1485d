"""Checks of mean, std and channel order: among themselves, against the weights, on pictures."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mmlite.config import is_pretrained
from mmlite.parallel import scatter, unwrapped
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.finding import Finding, error, ok, skipped, warning

_IMAGENET = (123.675, 116.28, 103.53)  # RGB, of 0-255; Caffe's differ by less than _NEAR
_NEAR = 3.0
_MEAN, _STD = 3.5, (0.1, 4.0)  # what normalised pictures have at most, and between
_RAW_MEAN, _RAW_STD = 160.0, (10.0, 130.0)  # where std is 1: pictures are only shifted
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
    batches = dict(train=context.train_batch())
    if context.val is not None:
        batches['val'] = context.val_batch()
    seen = {name: _input(context.checked_detector, batch) for name, batch in batches.items()}
    unit_std = _is_unit(context)
    findings = [_spread(name, img, unit_std) for name, (img, _) in seen.items()]
    sides = {name: side for name, (_, side) in seen.items()}
    low, high = min(sides.values()), max(sides.values())
    if high > _RATIO * low:
        evidence = f'pictures are {sides["train"]:.0f} px large in training and '
        evidence += f'{sides["val"]:.0f} px in testing (the root of their area)'
        findings.append(warning(evidence, 'Resize in both pipelines: objects change their size'))
    return findings


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


def _spread(name: str, img: Tensor, unit_std: bool) -> Finding:
    # of each channel by itself: wrong numbers set them apart from each other
    mean, std = img.mean().item(), img.std(dim=(0, 2, 3)).mean().item()
    size = 'x'.join(map(str, img.shape))
    evidence = f'{name}: {size}, mean {mean:.3g}, std {std:.3g}'
    most, (low, high) = (_RAW_MEAN, _RAW_STD) if unit_std else (_MEAN, _STD)
    if abs(mean) < most and low < std < high:
        return ok(evidence)
    return error(
        f'{evidence}; a mean of less than {most:g} and a std of {low:g} to {high:g} are usual',
        'mean and std: are the pictures 0-255 where they come there, and normalised once?',
    )
