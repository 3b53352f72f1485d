"""A training made longer or shorter: what was written for its whole length goes along.

The config of a schedule of 8 epochs, with only `max_epochs` set to 24 on top, would train 16 epochs
at a rate of nearly 0. So a change of the length, by a config on top of another, by an override or
by `--epochs`, moves all positions of the schedules in proportion.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from mmengine.config import Config

from mmlite.config.lines import ConfigLines

UNITS = {'epochs': 'max_epochs', 'iterations': 'max_iters'}  # and the key of `train_cfg` for each
ENDLESS = 10**9  # mmengine's `end` of a schedule that has none
# keys of hooks that are positions in a training; the second is counted from its end
_OF_HOOKS = {
    'epochs': (('begin_epoch', 'switch_epoch'), ('num_last_epochs',)),
    'iterations': (('begin_iter',), ()),
}

Moved = tuple[str, Any, Any]  # dotted key, its value before and after


class Length(NamedTuple):
    """How long a training is: a number of 'epochs' or 'iterations'."""

    number: int
    unit: str

    @property
    def key(self) -> str:
        """The key of a config that holds the number."""
        return f'train_cfg.{UNITS[self.unit]}'


class Stretch(NamedTuple):
    """What a change of the length has changed."""

    old: Length
    new: Length
    changes: list[Moved]

    def __str__(self) -> str:
        moved = ', '.join(f'{key} {old} -> {new}' for key, old, new in self.changes)
        return (
            f'{self.new.key} is {self.new.number}, and the schedules were written for '
            f'{self.old.number}. Stretched with it: {moved}'
        )


def length_of(cfg: Mapping[str, Any]) -> Length | None:
    """Returns how long the training of a config is; None where it does not say so."""
    loop = cfg.get('train_cfg')
    for unit, key in UNITS.items():
        number = loop.get(key) if isinstance(loop, Mapping) else None
        if isinstance(number, int) and number > 0:
            return Length(number, unit)
    return None


def written_for(
    file: ConfigLines, cfg: Mapping[str, Any], run: Callable[[Any], Mapping[str, Any]]
) -> Length | None:
    """Returns the length that the schedules of a config file were written for.

    A file that leaves `param_scheduler` as one of its bases has it has the schedules of that base,
    whatever length it sets itself. One that changes them means its own length.

    Args:
        file: the config file.
        cfg: what the file and its bases make.
        run: returns what another file and its bases make.
    """
    own = length_of(cfg)
    if sum(any(other.sets(key) for key in _LENGTH_KEYS) for other in file.in_order()) < 2:
        return own
    bases = [(base, run(base.path)) for base in file.bases]
    for base, base_cfg in bases:
        schedules = base_cfg.get('param_scheduler')
        if schedules is not None and schedules == cfg.get('param_scheduler'):
            found = written_for(base, base_cfg, run)
            return found or next(filter(None, (length_of(other) for _, other in bases)), own)
    return own


_LENGTH_KEYS = [f'train_cfg.{key}' for key in UNITS.values()]


def stretch(cfg: Config, old: Length | None, kept: Collection[str] = ()) -> Stretch | None:
    """Moves the schedules of a config, which were written for another length, to its own.

    Positions move in proportion. A warm-up keeps its length, but one in epochs gets shorter with
    the training.

    Args:
        cfg: it is changed.
        old: the length that they were written for.
        kept: dotted keys that stay as they are, with all below them.

    Returns:
        what was changed; None where that is nothing, or the two lengths count different units.
    """
    new = length_of(cfg)
    if old is None or new is None or old == new or old.unit != new.unit:
        return None
    changes = []
    for path, node, key, value in list(_positions(cfg, old, new)):
        if value != _comparable(node[key]) and not any(
            f'{path}.{key}.'.startswith(f'{k}.') for k in kept
        ):
            changes.append((f'{path}.{key}', node[key], value))
            node[key] = value
    return Stretch(old, new, changes) if changes else None


Position = tuple[str, Any, str, Any]  # path of a dict, the dict, its key and the new value


def _positions(cfg: Config, old: Length, new: Length) -> Iterator[Position]:
    schedules = dict(_listed('param_scheduler', cfg.get('param_scheduler')))
    warm = {True: 0, False: 0}  # by_epoch -> the end of the warm-up
    for schedule in filter(is_warm_up, schedules.values()):
        by_epoch, end = _by_epoch(schedule), schedule['end']
        is_whole = by_epoch == (old.unit == 'epochs') and end >= old.number
        warm[by_epoch] = warm[by_epoch] if is_whole else max(warm[by_epoch], end)
    if new.number < old.number:
        warm[True] = 0  # epochs of warm-up are a share of the training
    for path, schedule in schedules.items():
        move = _mover(old.number, new.number, warm[_by_epoch(schedule)])
        yield from _of_schedule(path, schedule, move)
    move = _mover(old.number, new.number)
    yield from _of_hooks(cfg, old, new, move)
    loop = cfg['train_cfg']
    if all(map(_are_numbers, loop.get('dynamic_intervals') or [[]])):
        moved = [(move(at), interval) for at, interval in loop['dynamic_intervals']]
        yield 'train_cfg', loop, 'dynamic_intervals', moved
    if isinstance(loop.get('val_begin'), int):
        yield 'train_cfg', loop, 'val_begin', move(loop['val_begin'])


def _of_hooks(
    cfg: Config, old: Length, new: Length, move: Callable[[int], int]
) -> Iterator[Position]:
    from_start, from_end = _OF_HOOKS[new.unit]
    for path, hook in _listed('custom_hooks', cfg.get('custom_hooks')):
        for key in from_start:
            if isinstance(hook.get(key), int):
                yield path, hook, key, move(hook[key])
        for key in from_end:
            if isinstance(hook.get(key), int):
                yield path, hook, key, new.number - move(old.number - hook[key])


def _of_schedule(path: str, schedule: Any, move: Callable[[int], int]) -> Iterator[Position]:
    begin, end = schedule.get('begin', 0), schedule.get('end', ENDLESS)
    if not _are_numbers([begin, end]):
        return  # the check of the whole config refuses them
    for key in ('begin', 'end', 'step_size', 'total_steps'):
        if isinstance(schedule.get(key), int) and schedule[key] < ENDLESS:
            yield path, schedule, key, move(schedule[key])
    t_max = schedule.get('T_max')
    if isinstance(t_max, int):
        whole = end < ENDLESS and t_max == end - begin
        yield path, schedule, 'T_max', move(end) - move(begin) if whole else move(t_max)
    if _are_numbers(schedule.get('milestones')):
        yield path, schedule, 'milestones', [move(number) for number in schedule['milestones']]
    if _are_numbers(schedule.get('periods')):
        ends = [move(end) for end in accumulate(schedule['periods'])]
        periods = [max(1, end - start) for start, end in pairwise([0, *ends])]
        yield path, schedule, 'periods', periods


def _mover(old: int, new: int, warm: int = 0) -> Callable[[int], int]:
    """Returns a function: position in a training of length `old` -> in one of `new`."""

    def move(number: int) -> int:
        if number <= warm:
            return number
        return max(1, (2 * number * new + old) // (2 * old))  # halves upwards

    return move


def is_warm_up(schedule: Mapping[str, Any]) -> bool:
    """Whether a schedule of a config begins with the training, and raises the rate to its own."""
    kind = str(schedule.get('type')).rsplit('.', 1)[-1]
    factors = (
        schedule.get('start_factor', schedule.get('factor', 1 / 3)),
        schedule.get('end_factor', 1.0),
    )
    rising = all(isinstance(f, (int, float)) for f in factors) and factors[0] < factors[1]
    named = kind.startswith(('Linear', 'Constant')) or 'Warmup' in kind
    ends = isinstance(schedule.get('end'), int) and schedule['end'] < ENDLESS
    return named and rising and ends and not schedule.get('begin')


def _are_numbers(values: Any) -> bool:
    """Whether these are whole numbers; values of another kind are refused by a later check."""
    return bool(values) and not isinstance(values, str) and all(isinstance(v, int) for v in values)


def _comparable(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _by_epoch(schedule: Mapping[str, Any]) -> bool:
    return bool(schedule.get('by_epoch', True))


def _listed(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The dicts of a section that is a dict or a list of them, with their paths."""
    if isinstance(value, Mapping):
        yield path, value
    for i, item in enumerate(value if isinstance(value, (list, tuple)) else ()):
        if isinstance(item, Mapping):
            yield f'{path}.{i}', item
