"""The learning rate, and the number of images in a step that it is meant for."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper


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
