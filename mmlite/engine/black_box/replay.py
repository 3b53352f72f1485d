"""Repeats the step that a black box holds, and compares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmlite.checkpoints.file import read_checkpoint
from mmlite.engine.black_box.box import CONFIG, STATE, numerics, versions
from mmlite.engine.black_box.layer_stats import LayerStats, LayerWatch
from mmlite.engine.black_box.step_start import autocast
from mmlite.engine.process.random_state import set_random_state
from mmlite.engine.step import begin_epoch, begin_iteration
from mmlite.errors import DataError, did_you_mean
from mmlite.models.norms import without_sync
from mmlite.parallel import DataContainer, MMDataParallel
from mmlite.parallel.model_wrapper import parse_losses

State = dict[str, Any]  # of a black box


@dataclass
class Repeated:
    """What the step gave this time.

    Args:
        losses: by name.
        layers: what each layer put out in the forward pass.
        gradients: whether the gradient of each parameter is finite, in the order of the backward
            pass.
    """

    losses: dict[str, float]
    layers: list[LayerStats]
    gradients: dict[str, bool]


def read_black_box(folder: Path) -> State:
    """Reads the state of a black box.

    Raises:
        DataError: there is none in that folder, or it is damaged.
    """
    if not folder.is_dir():
        near = [p.name for p in folder.parent.glob('*')] if folder.parent.is_dir() else []
        raise DataError(f'{folder}: no such folder.{did_you_mean(folder.name, near)}')
    for name in (STATE, CONFIG):
        if not (folder / name).is_file():
            inside = sorted({str(p.parent) for p in folder.rglob(STATE)})
            there = f' There are: {", ".join(inside[:5])}' if inside else ''
            raise DataError(f'{folder} is no black box: it has no {name}.{there}')
    state = read_checkpoint(folder / STATE)
    if not {'batch', 'state_dict', 'random', 'losses', 'versions'} <= state.keys():
        raise DataError(
            f'{folder / STATE} is not the state of a black box; it holds: {", ".join(state)}'
        )
    return state


def repeat(detector: nn.Module, state: State, device: str, restore: bool = True) -> Repeated:
    """Runs forward and backward of the step of a black box as the training did.

    Args:
        detector: as the config builds it; it gets the weights.
        state: from `read_black_box`.
        device: where to run.
        restore: False leaves out the random state, to see that it matters.

    Raises:
        DataError: the weights do not fit the detector.
    """
    model = MMDataParallel(without_sync(detector), device_ids=[device])
    _load(model.module, state)
    begin_epoch(model, state['epoch'] - 1)
    begin_iteration(model, state['iteration'] - 1, state['seed'])
    where = model.devices[0]
    with _numerics(state['numerics']):
        if restore:
            set_random_state(state['random'])
        with LayerWatch(model.module) as watch, autocast(where, state['amp_dtype']):
            losses = model(**_batch(state), return_loss=True)
        gradients: dict[str, bool] = {}
        for name, parameter in model.module.named_parameters():
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(_noting(gradients, name))
        total, _ = parse_losses(losses)
        (total / state['accumulative_counts']).backward()
    values = torch.stack([value.detach().float() for value in losses.values()]).tolist()
    return Repeated(dict(zip(losses, values, strict=True)), watch.stats, gradients)


def differences(state: State, repeated: Repeated, exact: bool) -> list[str]:
    """Returns what was otherwise in the training, in words.

    Args:
        state: of the black box.
        repeated: the step of this time.
        exact: losses must be equal bit for bit, a NaN to a NaN; else it counts whether they and
            any gradient are finite.
    """
    found = []
    then, now = state['losses'], repeated.losses
    for name in [*then, *(name for name in now if name not in then)]:
        if name not in then or name not in now:
            found.append(f'{name} is a loss {"in the training" if name in then else "now"} only')
        elif not _alike(then[name], now[name], exact):
            found.append(f'{name} was {then[name]!r} and is {now[name]!r}')
    if state['nonfinite_grads']:
        was = set(state['nonfinite_grads'])
        is_now = {name for name, finite in repeated.gradients.items() if not finite}
        if (was != is_now) if exact else not is_now:
            found.append(f'{len(was)} gradients were not finite and {len(is_now)} are')
    return found


def inexact_because(state: State, device: str) -> list[str]:
    """Returns why the step cannot be repeated bit for bit; nothing if it can."""
    reasons = []
    if state['world_size'] > 1:
        reasons.append(
            f'the divisors of losses, and gradients, were averaged over {state["world_size"]} '
            'processes'
        )
    if state['device'] != 'cpu':
        reasons.append('on a GPU the box was written one step with gradients of zero later')
    if torch.device(device).type != state['device']:
        reasons.append(f'it ran on {state["device"]}, and now on {device}')
    if state['num_devices'] > 1:
        reasons.append(f'it ran on {state["num_devices"]} devices')
    if state['left_out']:
        reasons.append(f'the box lacks {", ".join(state["left_out"])}')
    now = versions()
    reasons += [
        f'{name} was {version} and is {now.get(name)}'
        for name, version in state['versions'].items()
        if name in ('torch', 'cpu') and version != now.get(name)
    ]
    return reasons


def _alike(one: float, other: float, exact: bool) -> bool:
    if exact:
        return one == other or (math.isnan(one) and math.isnan(other))
    return math.isfinite(one) == math.isfinite(other)


def _load(detector: nn.Module, state: State) -> None:
    """Puts the detector in the state that the training's was in."""
    try:
        detector.load_state_dict(state['state_dict'], strict=True)
    except RuntimeError as error:
        raise DataError(f'the weights of the box do not fit its config: {error}') from error
    in_eval_mode, frozen = set(state['in_eval_mode']), set(state['frozen'])
    for name, module in detector.named_modules():
        module.training = name not in in_eval_mode
        vars(module).update(state.get('set_by_hooks', {}).get(name, {}))
    for name, parameter in detector.named_parameters():
        parameter.requires_grad_(name not in frozen)


def _batch(state: State) -> dict[str, Any]:
    """Returns the batch as `collate` made it; what stayed on the host does so again."""
    batch = dict(state['batch'], img_metas=_with_arrays(state['batch']['img_metas']))
    for key in state['cpu_only']:
        if key in batch:
            batch[key] = DataContainer(batch[key], cpu_only=True)
    return batch


def _with_arrays(value: Any) -> Any:
    """A file of plain data has tensors where the metas have NumPy's arrays."""
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, Mapping):
        return {key: _with_arrays(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_with_arrays, value))
    return value


def _noting(gradients: dict[str, bool], name: str) -> Any:
    def note(parameter: Tensor) -> None:
        gradients[name] = bool(parameter.grad.isfinite().all())

    return note


@contextmanager
def _numerics(wanted: Mapping[str, Any]) -> Iterator[None]:
    """Sets what changes the bits of a result, for as long as the block runs."""
    before = numerics()
    _set_numerics(wanted)
    try:
        yield
    finally:
        _set_numerics(before)


def _set_numerics(wanted: Mapping[str, Any]) -> None:
    torch.set_num_threads(wanted['threads'])
    torch.use_deterministic_algorithms(wanted['deterministic'], warn_only=True)
    torch.set_float32_matmul_precision(wanted['matmul_precision'])
    torch.backends.cudnn.benchmark = wanted['cudnn_benchmark']
    torch.backends.cudnn.deterministic = wanted['cudnn_deterministic']
