"""Schedules of the learning rate and other parameters: built, and brought to any position."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from mmengine import registry as roots
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, _ParamScheduler
from mmengine.runner import BaseLoop

from mmlite.checkpoints.file import plain
from mmlite.engine.units import iterations_per_epoch
from mmlite.errors import ConfigError
from mmlite.registry import PARAM_SCHEDULERS, parameters_of, without_scope

# what moves in a schedule, whatever its arguments are
_MOVING = ('last_step', '_global_step', '_last_value', 'verbose')
# what follows from arguments, under another name
_DERIVED = ('base_values', 'min_values', '_schedule_phases', 'anneal_func')


def build_scheduler(
    cfg: Mapping[str, Any],
    optim_wrapper: OptimWrapper,
    loop: BaseLoop,
    by_iteration: bool,
    at: str,
    logger: MMLogger,
) -> _ParamScheduler:
    """Builds one schedule of `param_scheduler`.

    Without an `end` it ends with the training. In a training by iterations an epoch is one pass
    through the data.

    Args:
        cfg: its dict; it is not changed.
        optim_wrapper: whose parameter it sets.
        loop: of the training.
        by_iteration: whether that counts iterations.
        at: its place in the config.
        logger: of the run.

    Raises:
        ConfigError: it cannot be built; or it does not say that it counts epochs, the training
            counts iterations, and it would never change anything.
    """
    PARAM_SCHEDULERS.find(cfg['type'], at)  # imports it, wherever in mmlite it is
    cfg = {**cfg, 'type': without_scope(cfg['type'])}
    name = f'{at} ({cfg["type"]})'
    by_epoch, converted = cfg.get('by_epoch', True), cfg.get('convert_to_iter_based', False)
    if converted and not by_epoch:
        raise ConfigError(f'{at}.convert_to_iter_based: by_epoch=False counts iterations already')
    per_epoch = iterations_per_epoch(loop.dataloader)
    epochs: int | Fraction = loop.max_epochs
    if converted and by_iteration:
        epochs = Fraction(loop.max_iters, per_epoch)  # it ends with the training, not with an epoch
    says_unit = 'by_epoch' in cfg
    cfg.setdefault('end', epochs if by_epoch else loop.max_iters)
    parts = dict(optimizer=optim_wrapper, epoch_length=per_epoch)
    try:
        scheduler = roots.PARAM_SCHEDULERS.build(cfg, default_args=parts)
    except (ValueError, AssertionError) as error:  # such as a begin that is not before the end
        raise ConfigError(f'{name}: {error}') from error
    if by_iteration and by_epoch:
        logger.log(
            logging.INFO if says_unit else logging.WARNING,
            f'{name} counts epochs{"" if says_unit else ", as by_epoch is not set"}; the training '
            f'counts iterations: an epoch is one pass through the data, {per_epoch} iterations',
        )
    first, length, unit = first_change(scheduler), loop.max_iters, 'iterations'
    if scheduler.by_epoch:
        length, unit = loop.max_epochs, 'epochs'
    if first >= min(length, scheduler.end):
        text = f'{name} changes nothing: its first change would come after {first} {unit}'
        text += f', it ends after {scheduler.end} and the training after {length}'
        if by_iteration and not says_unit:
            raise ConfigError(f'{text}. To have it count iterations: {at}.by_epoch=False')
        logger.warning(text)
    return scheduler


def first_change(scheduler: _ParamScheduler) -> int:
    """Returns after how many epochs or iterations it sets another value for the first time."""
    if hasattr(scheduler, 'milestones'):
        return scheduler.begin + min(scheduler.milestones, default=scheduler.end)
    return scheduler.begin + getattr(scheduler, 'step_size', 0)


# ---- going on -----------------------------------------------------------------------------------


def schedule_state(scheduler: _ParamScheduler) -> dict[str, Any]:
    """Returns its state as a file can hold it: of a function, its name."""
    return {key: _name_of(value) for key, value in scheduler.state_dict().items()}


def _name_of(value: Any) -> Any:
    return value.__name__ if callable(value) else value


def go_on(
    schedulers: Sequence[_ParamScheduler],
    states: Sequence[Mapping[str, Any]],
    position: Mapping[str, int],
) -> bool:
    """Puts schedules into the state of a file, where they are the same and were at `position`.

    A schedule that follows metrics cannot be computed again: it keeps what it has counted, and
    takes its arguments from the config.

    Returns:
        whether that was so; if not, they are as they were before.
    """
    if len(schedulers) != len(states):
        return False
    pairs = list(zip(schedulers, states, strict=True))
    if not all(_is_of(state, scheduler, position) for scheduler, state in pairs):
        return False
    for scheduler, state in pairs:
        own = _settings(scheduler, vars(scheduler))
        scheduler.load_state_dict({key: value for key, value in state.items() if key not in own})
    return True


def _is_of(
    state: Mapping[str, Any], scheduler: _ParamScheduler, position: Mapping[str, int]
) -> bool:
    if state.keys() != scheduler.state_dict().keys():  # of another kind
        return False
    if follows_metrics(scheduler):
        return True
    steps = position['epoch'] if scheduler.by_epoch else position['iter']
    same = _settings(scheduler, state) == _settings(scheduler, vars(scheduler))
    return same and state['_global_step'] == steps


def _settings(scheduler: _ParamScheduler, state: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what of a state follows from the arguments."""
    names = [*(parameters_of(type(scheduler)) or vars(scheduler)), *_DERIVED]
    return {
        name: _comparable(state[name])
        for name in names
        if name in state and name not in (*_MOVING, 'optimizer')
    }


def _comparable(value: Any) -> Any:
    """A file holds plain dicts where there were Counters, and a config lists or tuples."""
    value = plain(_name_of(value))
    return list(value) if isinstance(value, tuple) else value


def follows_metrics(scheduler: _ParamScheduler) -> bool:
    """Whether it is one such as ReduceOnPlateauLR."""
    return getattr(scheduler, 'need_val_args', False)


def advance(
    schedulers: Sequence[_ParamScheduler], position: Mapping[str, int], per_epoch: int
) -> None:
    """Brings fresh schedules to where a training of this config would have them by now.

    They are stepped as the training steps them, since their values multiply.

    Args:
        schedulers: as they were built, and the optimiser's groups with them.
        position: `epoch`, and `done_in_epoch` beyond it.
        per_epoch: iterations in an epoch.
    """
    by_iteration = [scheduler for scheduler in schedulers if not scheduler.by_epoch]
    by_epoch = [scheduler for scheduler in schedulers if scheduler.by_epoch]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # that no step of the optimiser came before
        for _ in range(position['epoch']):
            _step(by_iteration, per_epoch)
            _step(by_epoch, 1)
        _step(by_iteration, position.get('done_in_epoch', 0))


def _step(schedulers: Sequence[_ParamScheduler], times: int) -> None:
    while times > 0:
        if times > 1 and all(map(_is_over, schedulers)):  # they only count
            for scheduler in schedulers:
                scheduler._global_step += times - 1
            times = 1
        for scheduler in schedulers:
            scheduler.step()
        times -= 1


def _is_over(scheduler: _ParamScheduler) -> bool:
    plain_step = type(scheduler).step is _ParamScheduler.step
    return plain_step and scheduler._global_step + 1 >= scheduler.end
