"""The learning rate, and the number of images in a step that it is meant for."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from torch import nn

# The highest rate per image of a step that published recipes come near: SGD with 0.02 for 16
# images, or for a network without any norm (SSD's VGG) with 0.001 for 32; Adam's does not scale.
_MOST_SGD, _MOST_SGD_WITHOUT_NORM, _MOST_ADAM = 5e-3, 1e-4, 1e-2
_LEAST_SGD, _LEAST_ADAM = 1e-7, 1e-6


def usual_rates(kind: str, base: int, backbone: nn.Module) -> tuple[float, float] | None:
    """Returns the lowest and highest learning rate that is usual; None of unknown optimisers.

    Args:
        kind: the name of the optimiser.
        base: images of a step that the rate is meant for.
        backbone: whose norms allow higher rates.
    """
    if kind.startswith('Adam'):
        return _LEAST_ADAM, _MOST_ADAM
    if not kind.startswith('SGD'):
        return None
    norms = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm)
    has_norm = any(isinstance(module, norms) for module in backbone.modules())
    return _LEAST_SGD * base, (_MOST_SGD if has_norm else _MOST_SGD_WITHOUT_NORM) * base


def warn_of_unusual(
    optim_wrapper: OptimWrapper, settings: Mapping, size: int, backbone: nn.Module, logger: MMLogger
) -> None:
    """Says in the log where the learning rate is far from all published recipes.

    Args:
        optim_wrapper, settings, logger: as `fit_to_batch` takes them.
        size: images of a step.
        backbone: of the detector.
    """
    optimizer = optim_wrapper.optimizer
    kind, base = type(optimizer).__name__, settings.get('base_batch_size') or size
    usual = usual_rates(kind, base, backbone)
    rate = optimizer.defaults.get('lr')
    if usual is not None and rate is not None and not usual[0] <= rate <= usual[1]:
        logger.warning(
            f'LEARNING RATE: {kind} with {rate:g} for {base} images a step; {usual[0]:g} to '
            f'{usual[1]:g} are usual. Set optim_wrapper.optimizer.lr={usual[1] / 4:.1g} or so'
        )


def fit_to_batch(
    optim_wrapper: OptimWrapper,
    settings: Mapping,
    batch_size: int,
    num_processes: int,
    logger: MMLogger,
) -> None:
    """Says for how many images a step is and for how many the learning rate is meant.

    Where they differ, the rate is scaled in proportion (Goyal et al. 2017, section 2.1) if the
    settings enable it, and else a warning says how to.

    Args:
        optim_wrapper: its learning rates may change; schedulers are built after that.
        settings: `auto_scale_lr` of a config: `base_batch_size` and `enable`.
        batch_size: images in a batch of one process.
        num_processes: in the whole run.
        logger: of the run.
    """
    base = settings.get('base_batch_size')
    accumulated = optim_wrapper._accumulative_counts
    size = batch_size * num_processes * accumulated
    logger.info(
        f'A step is for {size} images: {batch_size} in a batch x {num_processes} processes x '
        f'{accumulated} accumulated; the learning rate is meant for '
        f'{base or "an unknown number of"} images'
    )
    if base in (None, size):
        return
    rate = optim_wrapper.optimizer.param_groups[0]['lr']
    scaled = rate * size / base
    if settings.get('enable'):
        for group in optim_wrapper.optimizer.param_groups:
            group['lr'] *= size / base
        logger.info(f'The learning rate is scaled from {rate:g} to {scaled:g}')
    else:
        logger.warning(
            f'LEARNING RATE: {rate:g} is meant for {base} images a step, and here it is {size}. '
            f'Add --auto-scale-lr (it becomes {scaled:g}), or keep it knowingly with '
            f'--cfg-options auto_scale_lr.base_batch_size={size}'
        )
