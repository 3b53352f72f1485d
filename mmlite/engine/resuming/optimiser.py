"""The optimiser and the schedules of a training that is resumed: their state, under this config.

The state (momentum buffers, counts) is the file's; where the config has changed, learning rate,
momentum, weight decay and schedules are the config's. Where it has not, all is the file's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.optim import OptimWrapper, _ParamScheduler
from torch import nn
from torch.optim import Optimizer

from mmlite.engine.schedules import advance, follows_metrics, go_on
from mmlite.errors import ConfigError, DataError
from mmlite.registry import parameters_of

# how torch computes a step, not what comes out
_HOW = ('foreach', 'fused', 'capturable', 'differentiable', 'decoupled_weight_decay')
_LISTED = 3  # different values that a message spells out

Values = dict[str, Any]  # of a group of parameters, without these


def parameter_names(detector: nn.Module, optimizer: Optimizer) -> list[str]:
    """Returns the names of an optimiser's parameters, in the order of its state."""
    names = {id(tensor): name for name, tensor in detector.named_parameters()}
    return [names.get(id(p), '') for group in optimizer.param_groups for p in group['params']]


def put_optimisation_back(
    detector: nn.Module,
    optim_wrapper: OptimWrapper,
    schedulers: Sequence[_ParamScheduler],
    checkpoint: Mapping[str, Any],
    path: str,
    position: Mapping[str, int],
    per_epoch: int,
    changed: bool = True,
) -> list[str]:
    """Loads the optimiser's and the schedules' state.

    Args:
        detector: without its wrapper; the optimiser has its parameters.
        optim_wrapper, schedulers: just built from the config; no step is made yet.
        checkpoint: with `optimizer`, `param_schedulers` and, in `meta`, `optimizer_params`, which
            mmengine's do not have.
        path: of the file.
        position: where the training goes on: `epoch`, `iter` and `done_in_epoch`.
        per_epoch: iterations in an epoch.
        changed: whether the config's optimiser is, or may be, another than that of the file.

    Returns:
        what is other than in the file, a text for each: 'lr: 0.01 -> 0.05'.

    Raises:
        ConfigError: a change of the config cannot take effect.
        DataError: the file does not say which parameters its state is of.
    """
    optimizer = optim_wrapper.optimizer
    of_config = [_values(group) for group in optim_wrapper.param_groups]
    saved, of_file = _arranged(detector, optim_wrapper, checkpoint, path)
    _check_kind(type(optimizer).__name__, of_config[0], of_file[0], path)
    if changed:
        _check_is_usable(optimizer, saved['state'], path)
    states = checkpoint.get('param_schedulers') or []
    same = go_on(schedulers, states, position)
    if not same:
        _check_can_be_computed(schedulers, states, path)
    optim_wrapper.load_state_dict(saved)
    scheduled = _scheduled(schedulers)
    chosen = set(parameters_of(type(optimizer)) or of_config[0]) if changed else set()
    for group, new, old in zip(optim_wrapper.param_groups, of_config, of_file, strict=True):
        for key in {*new, *old}:
            from_config = not same if key in scheduled else key in chosen
            if key in new and (from_config or key not in old):
                group[key] = new[key]
            elif key in old:
                group[key] = old[key]
            if key not in new and key.startswith('initial_'):  # of a schedule of the run before
                del group[key]
    if not same:
        advance(schedulers, position, per_epoch)
    return _differences(of_file, of_config, chosen - scheduled, scheduled - chosen, same)


def _values(group: Mapping[str, Any]) -> Values:
    return {key: value for key, value in group.items() if key != 'params'}


def _scheduled(schedulers: Sequence[_ParamScheduler]) -> set[str]:
    """Returns the keys of groups that schedules write."""
    names = {scheduler.param_name for scheduler in schedulers}
    keys = {f'{kind}_{name}' for kind in ('initial', 'max', 'min') for name in names}
    of_adam = any(getattr(scheduler, 'use_betas', False) for scheduler in schedulers)
    return names | keys | ({'betas'} if of_adam else set())


# ---- the file's state, in the order of this optimiser -------------------------------------------


def _arranged(
    detector: nn.Module, optim_wrapper: OptimWrapper, checkpoint: Mapping[str, Any], path: str
) -> tuple[dict[str, Any], list[Values]]:
    """Returns what the optimiser's wrapper can load, and of each of its groups the file's values.

    Parameters may be in other groups by now. State of one that has another shape, or is new, is
    left out.
    """
    saved = dict(checkpoint['optimizer'])
    optimizer = optim_wrapper.optimizer
    own = parameter_names(detector, optimizer)
    names = (checkpoint.get('meta') or {}).get('optimizer_params')
    sizes, own_sizes = (
        [len(group['params']) for group in groups]
        for groups in (saved['param_groups'], optimizer.param_groups)
    )
    if names is None:
        if sizes != own_sizes:
            raise DataError(
                f'{path} cannot be resumed: optim_wrapper makes {len(own_sizes)} groups of '
                f'{sum(own_sizes)} parameters, the file has {len(sizes)} of {sum(sizes)} and not '
                'their names. To start a training from its weights: --cfg-options '
                'load_from=FILE'
            )
        names = own
    elif len(names) != sum(sizes):
        raise DataError(
            f'{path} cannot be resumed: its optimiser has {sum(sizes)} parameters, and names for '
            f'{len(names)}'
        )
    index = {name: i for i, name in enumerate(names)}
    weights = checkpoint['state_dict']
    parameters = [p for group in optimizer.param_groups for p in group['params']]
    fits = [
        name in index and (name not in weights or weights[name].shape == p.shape)
        for name, p in zip(own, parameters, strict=True)
    ]
    state = saved['state']
    saved['state'] = {
        i: state[index[name]] for i, name in enumerate(own) if fits[i] and index[name] in state
    }
    group_of = [i for i, size in enumerate(sizes) for _ in range(size)]
    values = [_values(group) for group in saved['param_groups']]
    of_file, saved['param_groups'], first = [], [], 0
    for size in own_sizes:
        old = index.get(own[first], 0) if size else 0
        of_file.append(values[group_of[old]])
        saved['param_groups'].append({**of_file[-1], 'params': list(range(first, first + size))})
        first += size
    base = saved.pop('base_param_settings', None)
    if optim_wrapper.base_param_settings is not None:
        of_file.append(values[0] if base is None else _values(base))
    if not saved.get('loss_scaler'):  # one that was off has no state, and loads none
        saved.pop('loss_scaler', None)
    return saved, of_file


# ---- what cannot take effect --------------------------------------------------------------------


def _check_kind(name: str, new: Values, old: Values, path: str) -> None:
    lost, missing = (
        sorted(key for key in one if key not in other and not _is_side_value(key))
        for one, other in ((old, new), (new, old))
    )
    if lost and missing:
        raise ConfigError(
            f'optim_wrapper.optimizer: {name} cannot go on with the state of another optimiser: '
            f'{path} has its {", ".join(lost)}, and no {", ".join(missing)}. '
            'To start a training from its weights: --cfg-options load_from=FILE'
        )


def _is_side_value(key: str) -> bool:
    return key in _HOW or key == 'momentum' or key.startswith(('initial_', 'max_', 'min_'))


def _check_is_usable(optimizer: Optimizer, state: Mapping[int, Values], path: str) -> None:
    """Makes a step of a single weight with state of that form: it may lack what is needed now."""
    sample = next((values for values in state.values() if values), None)
    known = parameters_of(type(optimizer)) or {}
    args = {k: v for k, v in optimizer.defaults.items() if k in known and k not in _HOW}
    if sample is None or not type(optimizer).__module__.startswith('torch.optim'):
        return
    weight = nn.Parameter(torch.zeros(1))
    weight.grad = torch.ones(1)
    probe = type(optimizer)([weight], **args)
    probe.state[weight] = {
        key: torch.ones(1) if isinstance(value, torch.Tensor) else value
        for key, value in sample.items()
    }
    try:
        probe.step()
    except KeyError as error:
        raise ConfigError(
            f'optim_wrapper.optimizer: with these arguments {type(optimizer).__name__} needs '
            f'{error} of each parameter, and {path} does not have it: the change cannot take '
            'effect. To start a training from its weights: --cfg-options load_from=FILE'
        ) from error


def _check_can_be_computed(
    schedulers: Sequence[_ParamScheduler], states: Sequence[Mapping[str, Any]], path: str
) -> None:
    followed = any('num_bad_epochs' in state for state in states)
    for i, scheduler in enumerate(schedulers):
        if follows_metrics(scheduler) and followed:
            raise ConfigError(
                f'param_scheduler[{i}] ({type(scheduler).__name__}) has followed the metrics of '
                f'the training in {path}, which are not there to compute its rate again: the '
                'learning rate and the other schedules cannot be changed. To start a training '
                'from its weights: --cfg-options load_from=FILE'
            )


# ---- what has changed ---------------------------------------------------------------------------


def _differences(
    of_file: Sequence[Values],
    of_config: Sequence[Values],
    chosen: set[str],
    scheduled: set[str],
    same: bool,
) -> list[str]:
    keys = {key: key for key in sorted(chosen - set(_HOW))}
    if not same:
        keys |= {key: key.removeprefix('initial_') for key in scheduled if 'initial_' in key}
    texts = []
    for key, name in keys.items():
        pairs = dict.fromkeys(
            f'{_short(old[key])} -> {_short(new[key])}'
            for old, new in zip(of_file, of_config, strict=True)
            if key in old and key in new and _plain(old[key]) != _plain(new[key])
        )
        if pairs:
            more = ', ...' if len(pairs) > _LISTED else ''
            texts.append(f'{name}: {", ".join(list(pairs)[:_LISTED])}{more}')
    return texts


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _short(value: Any) -> str:
    return f'{value:g}' if isinstance(value, float) else str(value)
