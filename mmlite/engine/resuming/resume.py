"""Going on with a training: from which file, and where in the epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn

from mmlite.checkpoints.file import last_checkpoint, read_checkpoint
from mmlite.config.recorded import config_in
from mmlite.config.schema import OPTIMISATION
from mmlite.engine.resuming.config_changes import ChangedKey, concern
from mmlite.engine.resuming.optimiser import put_optimisation_back
from mmlite.engine.resuming.run_state import put_buffers_back, put_gradients_back
from mmlite.engine.units import counts_epochs, iterations_per_epoch
from mmlite.errors import ConfigError, DataError


def find_resumable(
    work_dir: str | Path, trusted: bool = False
) -> tuple[str, dict[str, Any]] | tuple[None, None]:
    """Returns the newest checkpoint of a work dir that can be resumed: its path and content.

    That is the one that `last_checkpoint` names. If it is damaged, the one before it; Nones where
    there is none.

    Args:
        work_dir: the folder.
        trusted: as `read_checkpoint`.
    """
    named = last_checkpoint(work_dir)
    others = sorted(
        (p for p in Path(work_dir).glob('*.pth') if not p.name.startswith('best_')),
        key=lambda p: p.stat().st_mtime,
        reverse=True,
    )
    for path in dict.fromkeys([*([named] if named else []), *map(str, others)]):
        try:
            checkpoint = read_checkpoint(path, trusted)
            check_can_be_resumed(checkpoint, path)
            return path, checkpoint
        except DataError as error:
            print_log(f'{error}. Looking for the one before it', 'current', logging.WARNING)
    return None, None


def check_can_be_resumed(checkpoint: Mapping, path: str) -> None:
    """Refuses a file that holds only weights, as published checkpoints and mmdet 2.x's do.

    Raises:
        DataError: says what is missing, and how to start a training from the weights.
    """
    meta = checkpoint.get('meta') or {}
    missing = [name for name in ('optimizer', 'message_hub') if name not in checkpoint]
    missing += [f'meta.{name}' for name in ('epoch', 'iter') if name not in meta]
    if missing:
        raise DataError(
            f'{path} cannot be resumed: it has no {", ".join(missing)}. To start a training from '
            'its weights: --cfg-options load_from=FILE'
        )


def resumed_position(
    meta: Mapping[str, Any], batch_size: int, batches_per_epoch: int | None
) -> dict[str, int]:
    """Returns where a training goes on, as `position` of the training loops gives it.

    With another number of images in a batch the epoch has another number of batches: it goes on
    after the same share of its images. A training that counts iterations keeps their number.

    Args:
        meta: of the checkpoint.
        batch_size: images in a batch, of all processes of this run together.
        batches_per_epoch: of this run; None for one that counts iterations.
    """
    names = ('epoch', 'iter', 'done_in_epoch', 'last_val_iter')
    position = {name: meta[name] for name in names if name in meta}
    old_size = meta.get('total_batch_size', batch_size)
    if batches_per_epoch is None:
        if old_size != batch_size:
            _warn(f'{_sizes(batch_size, old_size)}: iteration {position["iter"]} stays')
        return position
    epoch, done = position['epoch'], position.get('done_in_epoch', 0)
    if old_size != batch_size:
        done = round(done * old_size / batch_size)
        reason = _sizes(batch_size, old_size)
    elif done <= batches_per_epoch and position['iter'] == epoch * batches_per_epoch + done:
        return position
    else:
        if epoch == 0 or 'done_in_epoch' not in position:  # mmengine's, between or without epochs
            epoch, done = divmod(position['iter'], batches_per_epoch)
        reason = f'An epoch has {batches_per_epoch} iterations, and had another number before'
    if epoch == 0 and done > batches_per_epoch:  # it counted iterations
        epoch, done = divmod(done, batches_per_epoch)
    done = min(done, batches_per_epoch)
    iteration = epoch * batches_per_epoch + done
    if iteration != position['iter']:
        _warn(f'{reason}: iteration {position["iter"]} becomes {iteration}')
    validated = position.get('last_val_iter', position['iter']) == position['iter']
    return dict(
        epoch=epoch,
        iter=iteration,
        done_in_epoch=done,
        last_val_iter=iteration if validated else -1,
    )


def _sizes(batch_size: int, old_size: int) -> str:
    return f'The batch has {batch_size} images, that of the run before had {old_size}'


def _warn(text: str) -> None:
    print_log(f'{text}. The weights will not be equal bit for bit', 'current', logging.WARNING)


def resume_training(
    runner: Runner, checkpoint: Mapping[str, Any], path: str, changes: Sequence[ChangedKey] | None
) -> str:
    """Puts the loop, the log, the optimiser and the schedules into the state of a checkpoint.

    What the config says otherwise counts, and is said in a line each.

    Args:
        runner: has built all of these from its config, and loaded the weights.
        checkpoint: see `Runner.save_checkpoint`.
        path: of it.
        changes: of the config since then; None where they are not known.

    Returns:
        what to say where nothing is left to train; else ''.

    Raises:
        ConfigError: a change cannot take effect.
        DataError: the file does not say which parameters its optimiser's state is of.
    """
    meta, loop, detector = checkpoint['meta'], runner.train_loop, _detector(runner)
    by_epoch, size = counts_epochs(runner), runner.total_batch_size
    per_epoch = iterations_per_epoch(runner.train_dataloader)
    loop.resume(resumed_position(meta, size, per_epoch if by_epoch else None))
    at_end = _check_goes_on(loop, 'epochs' if by_epoch else 'iters', path, meta)
    runner.message_hub.load_state_dict(checkpoint['message_hub'])
    same_batch = meta.get('total_batch_size', size) == size
    is_told = changes is not None and concern(changes, *OPTIMISATION)
    found = put_optimisation_back(
        detector,
        runner.optim_wrapper,
        runner.param_schedulers or [],
        checkpoint,
        path,
        loop.position(),
        per_epoch,
        changed=changes is None or is_told or not same_batch,
    )
    said = [f'{key}: {old} -> {new}' for key, old, new in changes or []]
    for text in said + ([] if is_told else found):
        runner.logger.warning(f'Changed since {path}: {text}')
    was, now = (
        groups[0]['lr']
        for groups in (checkpoint['optimizer']['param_groups'], runner.optim_wrapper.param_groups)
    )
    if was != now or concern(changes or [], 'param_scheduler', 'train_cfg'):
        before = f'it was {was:g}' if was != now else 'as before'
        runner.logger.info(
            f'At iteration {loop.iter} the learning rate is {now:g}, {before}: the rest of the '
            'schedules follows. To train from these weights with the whole schedules: '
            f'--cfg-options load_from={path}, without --resume'
        )
    states = checkpoint.get('process_states', [])
    state = states[runner.rank] if runner.rank < len(states) else {}
    put_buffers_back(detector, state.get('buffers', {}))
    gradients = state.get('gradients', {})
    other_step = concern(changes or [], 'optim_wrapper.accumulative_counts')
    if gradients and (other_step or loop.iter != meta['iter']):
        runner.logger.warning('The gradients that were accumulated for a step are left out')
    else:
        put_gradients_back(detector, gradients)
    return at_end


def _detector(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _check_goes_on(loop: BaseLoop, unit: str, path: str, meta: Mapping[str, Any]) -> str:
    """Refuses to end a training before the point that it has reached; `unit`: epochs or iters.

    Returns:
        what to say where that point is the end; else ''.
    """
    key, length = f'train_cfg.max_{unit}', getattr(loop, f'max_{unit}')
    if loop.iter > loop.max_iters:
        reached = loop.epoch + (loop.done_in_epoch > 0) if unit == 'epochs' else loop.iter
        longer = max(reached + 1, _recorded_length(meta, unit, path))
        raise ConfigError(
            f'{key}: {path} has done more than {length} already: it is in epoch '
            f'{loop.epoch + 1}, after iteration {loop.iter}. Go on from an earlier checkpoint '
            f'(--resume FILE), or train for longer: --{unit} {longer}'
        )
    if loop.iter < loop.max_iters:
        return ''
    return (
        f'Nothing was left to train: the checkpoint is from the end, as {key} is {length}. '
        f'To train on, for example: --resume --{unit} {2 * length}; to start a new one from its '
        f'weights: --cfg-options load_from={path}'
    )


def _recorded_length(meta: Mapping[str, Any], unit: str, path: str) -> int:
    """The length of the training that wrote a checkpoint; 0 where the file does not say it."""
    try:
        return config_in(meta, path).train_cfg.get(f'max_{unit}', 0)
    except (ConfigError, AttributeError):
        return 0
