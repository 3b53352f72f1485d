"""Whether all that counts epochs or iterations agrees with the length of the training.

A schedule that ends long before the training, or after it, is no error to torch: the training goes
on at a rate of nearly 0, or never gets there. `train` and `doctor` say the same about it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmlite.config.stretching import ENDLESS, is_warm_up
from mmlite.engine.units import loop_counts_epochs

_NEAR = 0.1  # share of a training by which an end may differ
_NOTHING = 0.01  # share of a learning rate that trains next to nothing
_FEW = 4  # epochs of a training that is more than a trial; validations that are enough
_FALLING = ('CosineAnnealing', 'Poly', 'OneCycle', 'Linear')  # kinds that need all of their length


class Span(NamedTuple):
    """How long a training is, in epochs and in iterations of one process."""

    epochs: float
    iterations: int
    per_epoch: int

    @classmethod
    def of(cls, train_cfg: Mapping[str, Any], per_epoch: int) -> Span:
        """Of a config's `train_cfg`, and iterations that are one pass through the data."""
        if 'max_iters' in train_cfg:
            return cls(train_cfg['max_iters'] / per_epoch, train_cfg['max_iters'], per_epoch)
        return cls(train_cfg['max_epochs'], train_cfg['max_epochs'] * per_epoch, per_epoch)

    def number(self, by_epoch: bool) -> float:
        """Returns its epochs or its iterations."""
        return self.epochs if by_epoch else self.iterations

    def __str__(self) -> str:
        return f'{self.epochs:g} epochs of {self.per_epoch} iterations'


class Disagreement(NamedTuple):
    """Two numbers of a config that do not agree.

    Args:
        evidence: what was found.
        change: the keys to set.
        is_error: the training is of no use as it is; else it may be meant.
        is_refused: a training does not even start.
    """

    evidence: str
    change: str
    is_error: bool = False
    is_refused: bool = False

    def __str__(self) -> str:
        return f'{self.evidence}. Set {self.change}'


def disagreements(cfg: Mapping[str, Any], span: Span) -> Iterator[Disagreement]:
    """Yields what in a config does not agree with the length of its training.

    What never changes anything at all is left to `build_scheduler` and doctor's check `units`.
    """
    schedules = _named_schedules(cfg)
    for at, key, schedule in schedules:
        yield from _warm_up(at, key, schedule, span)
        yield from _milestones(at, key, schedule, span)
        yield from _half_wave(at, key, schedule)
    yield from _end(schedules, span)
    by_epoch = loop_counts_epochs(cfg['train_cfg'])
    if cfg.get('val_dataloader'):
        yield from _validations(cfg['train_cfg'], span, by_epoch)
    yield from _checkpoints(cfg, span, by_epoch)


_Schedule = tuple[str, str, Mapping[str, Any]]  # its place in words, its key, its dict


def too_large_batch(size: int, num_images: int) -> Iterator[Disagreement]:
    """Yields what is wrong with steps of `size` images, of all processes, on a set of fewer."""
    if size > num_images:
        yield Disagreement(
            f'train_dataloader: a batch of all processes is {size} images, and the data set has '
            f'{num_images}: an epoch is a single step of {num_images}',
            f'train_dataloader.batch_size={max(1, num_images // _FEW)}, or more epochs',
        )


def _named_schedules(cfg: Mapping[str, Any]) -> list[_Schedule]:
    value = cfg.get('param_scheduler') or []
    if isinstance(value, Mapping):
        return [(f'param_scheduler ({value.get("type")})', 'param_scheduler', value)]
    return [
        (f'param_scheduler[{i}] ({schedule.get("type")})', f'param_scheduler.{i}', schedule)
        for i, schedule in enumerate(value)
        if isinstance(schedule, Mapping)
    ]


def _unit(schedule: Mapping[str, Any]) -> tuple[bool, str]:
    by_epoch = bool(schedule.get('by_epoch', True))
    return by_epoch, 'epochs' if by_epoch else 'iterations'


def _count(number: float, unit: str) -> str:
    return f'{number:g} {unit[:-1] if number == 1 else unit}'


def _warm_up(at: str, key: str, schedule: Mapping, span: Span) -> Iterator[Disagreement]:
    by_epoch, unit = _unit(schedule)
    length = span.number(by_epoch)
    if is_warm_up(schedule) and schedule['end'] > length:
        yield Disagreement(
            f'{at}: the warm-up lasts {schedule["end"]} {unit}, the training {length:g}: the full '
            'learning rate is never reached',
            f'{key}.end={max(1, round(length / 10))}, or train for longer',
            is_error=True,
        )


def _milestones(at: str, key: str, schedule: Mapping, span: Span) -> Iterator[Disagreement]:
    by_epoch, unit = _unit(schedule)
    milestones, begin = schedule.get('milestones') or (), schedule.get('begin', 0)
    length = span.number(by_epoch)
    late = [m for m in milestones if begin + m >= length]
    if late and len(late) < len(milestones):
        yield Disagreement(
            f'{at}: {len(late)} of {len(milestones)} milestones, {late}, are not before the end '
            f'of the training: {length:g} {unit}',
            f'{key}.milestones to numbers before {length:g}',
        )
    cut = _cut_milestones(schedule, length)
    if cut:
        yield Disagreement(
            f'{at}: the milestones {cut} change nothing, as its end is {schedule["end"]}, and the '
            f'training has {length:g} {unit}',
            f'{key}.end={length:g}',
        )


def _cut_milestones(schedule: Mapping, length: float) -> list[int]:
    begin, end = schedule.get('begin', 0), schedule.get('end', ENDLESS)
    return [m for m in schedule.get('milestones') or () if end <= begin + m < length]


def _half_wave(at: str, key: str, schedule: Mapping) -> Iterator[Disagreement]:
    """A cosine has T_max for its way down; after that it goes up again."""
    t_max, end = schedule.get('T_max'), schedule.get('end', ENDLESS)
    if not t_max or end >= ENDLESS:
        return
    length = end - schedule.get('begin', 0)
    if t_max < length * (1 - _NEAR):
        what = f'the rate rises again after T_max={t_max}'
    elif t_max > length * (1 + _NEAR):
        what = f'it ends on its way down, as T_max={t_max}'
    else:
        return
    yield Disagreement(
        f'{at}: {what}, and it lasts {length} from begin to end', f'{key}.T_max={length}'
    )


def _end(schedules: list[_Schedule], span: Span) -> Iterator[Disagreement]:
    """Where the last schedule of the learning rate ends, and the training."""
    ends = [
        (_last_iteration(schedule, span), at, key, schedule)
        for at, key, schedule in schedules
        if not is_warm_up(schedule) and 'Momentum' not in str(schedule.get('type'))
    ]
    if not ends:
        return
    iteration, at, key, schedule = max(ends, key=lambda found: found[0])
    by_epoch, unit = _unit(schedule)
    length, end = span.number(by_epoch), schedule.get('end', ENDLESS)
    keys = f'{key}.end={length:g}'
    if 'T_max' in schedule and schedule['T_max'] != length - schedule.get('begin', 0):
        keys += f' and {key}.T_max={length - schedule.get("begin", 0):g}'
    if iteration < span.iterations * (1 - _NEAR) and not _cut_milestones(schedule, length):
        left = _share_left(schedule)
        gone = left is not None and left <= _NOTHING
        rate = 'nearly 0' if gone else 'what it is then'
        yield Disagreement(
            f'{at} ends after {_count(end, unit)}, and the training after {length:g}: for the '
            f'other {_count(length - end, unit)} the learning rate is {rate}',
            keys,
            is_error=gone,
            is_refused=gone,
        )
    elif iteration > span.iterations * (1 + _NEAR) and _is_falling(schedule):
        yield Disagreement(
            f'{at} ends after {_count(end, unit)}, and the training after {length:g}: the learning '
            'rate does not come down',
            keys,
        )


def _last_iteration(schedule: Mapping, span: Span) -> float:
    end = schedule.get('end', ENDLESS)
    if end >= ENDLESS:  # it ends with the training
        return span.iterations
    return end * span.per_epoch if schedule.get('by_epoch', True) else end


def _is_falling(schedule: Mapping) -> bool:
    return str(schedule.get('type')).rsplit('.', 1)[-1].startswith(_FALLING)


def _share_left(schedule: Mapping) -> float | None:
    """Returns which share of the rate is left at the end of a schedule; None for steps."""
    kind = str(schedule.get('type')).rsplit('.', 1)[-1]
    if not kind.startswith(_FALLING) or schedule.get('eta_min'):
        return None
    if kind.startswith('Linear'):
        return schedule.get('end_factor', 1.0)
    length = schedule['end'] - schedule.get('begin', 0)
    done = length / (schedule.get('T_max') or length)
    wave = (1 + math.cos(math.pi * done)) / 2 if kind.startswith('Cosine') else 0.0
    return max(wave, schedule.get('eta_min_ratio') or 0.0)


def _validations(train_cfg: Mapping, span: Span, by_epoch: bool) -> Iterator[Disagreement]:
    interval = train_cfg.get('val_interval', 1 if by_epoch else 1000)
    length, unit = span.number(by_epoch), 'epochs' if by_epoch else 'iterations'
    if train_cfg.get('dynamic_intervals') or interval < length:
        return
    if (interval > length > 1) or length >= _FEW:
        yield Disagreement(
            f'train_cfg.val_interval={interval} and the training has {length:g} {unit}: it '
            'validates only once, at its end, and has no best checkpoint to choose',
            f'train_cfg.val_interval={max(1, int(length) // _FEW)}',
        )


def _checkpoints(cfg: Mapping, span: Span, by_epoch: bool) -> Iterator[Disagreement]:
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    own = hook.get('by_epoch', True if by_epoch else None)
    interval = hook.get('interval', -1)
    if own is None or interval <= span.number(own):  # units says what counts without by_epoch
        return
    unit, key = 'epochs' if own else 'iterations', 'default_hooks.checkpoint'
    last = hook.get('save_last', True)
    yield Disagreement(
        f'{key}.interval={interval}, and the training has {span.number(own):g} {unit}: '
        + ('only its end is saved' if last else 'nothing is saved, as save_last=False'),
        f'{key}.interval={max(1, int(span.number(own)) // _FEW)}',
        is_error=not last,
    )
