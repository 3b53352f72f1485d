"""The schedule: loops, optimiser, learning rate."""

from __future__ import annotations

from typing import Any

from mmlite.errors import ConfigError
from mmlite.registry import OPTIMIZERS
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.parts import fit_whole

# layers of 1.x's FCOSHead under their later names, for learning rates of their own
_FCOS_LAYERS = dict(fcos_cls='conv_cls', fcos_reg='conv_reg', fcos_centerness='conv_centerness')
_WARMUPS = dict(linear=('LinearLR', 'start_factor'), constant=('ConstantLR', 'factor'))
# what these hooks did to the gradients is part of the optim_wrapper
_GRADIENT_HOOKS = (
    *('OptimizerHook', 'Fp16OptimizerHook', 'GradientCumulativeOptimizerHook'),
    'GradientCumulativeFp16OptimizerHook',
)


def training_length(top: Section) -> tuple[bool, int]:
    """Takes out how long training is; returns whether in epochs, and how many.

    Raises:
        ConfigError: the config does not say it.
    """
    why = 'the training loop has its length'
    epochs = top.move('total_epochs', 'train_cfg.max_epochs', why)
    iters = top.move('total_iters', 'train_cfg.max_iters', why)
    runner = top.section('runner')
    if runner is not None:
        kind = runner.move('type', 'train_cfg.type', why)
        if kind not in ('EpochBasedRunner', 'IterBasedRunner'):
            runner.notes.not_mapped('runner.type', kind, 'loops count epochs or iterations')
        epochs = runner.move('max_epochs', 'train_cfg.max_epochs', why, epochs)
        iters = runner.move('max_iters', 'train_cfg.max_iters', why, iters)
        runner.close('the training loop has no such setting')
    if epochs is None and iters is None:
        raise ConfigError(
            'the config does not say how long to train: total_epochs, or runner with max_epochs or '
            'max_iters, is missing'
        )
    return (True, epochs) if epochs is not None else (False, iters)


def migrate_loops(
    evaluation: Section, by_epoch: bool, length: int, validated: bool
) -> dict[str, Any]:
    """Returns `train_cfg`, `val_cfg` and `test_cfg`.

    Args:
        evaluation: when to evaluate is taken out.
        by_epoch: whether `length` counts epochs or iterations.
        length: of the training.
        validated: whether there are data to validate on.
    """
    kind = 'EpochBasedTrainLoop' if by_epoch else 'IterBasedTrainLoop'
    train: dict[str, Any] = {'type': kind, 'max_epochs' if by_epoch else 'max_iters': length}
    why = 'the training loop validates'
    interval = evaluation.move('interval', 'train_cfg.val_interval', why, 1)
    start = evaluation.move('start', 'train_cfg.val_begin', why)
    evaluation.drop('by_epoch', 'validation counts as training does')
    if evaluation.get('dynamic_intervals') is not None:
        intervals = evaluation.move('dynamic_intervals', 'train_cfg.dynamic_intervals', why)
        train['dynamic_intervals'] = [tuple(pair) for pair in intervals]
    if not validated:
        return dict(train_cfg=train, test_cfg=dict(type='TestLoop'))
    train['val_interval'] = interval
    if start is not None:
        train['val_begin'] = start
    return dict(train_cfg=train, val_cfg=dict(type='ValLoop'), test_cfg=dict(type='TestLoop'))


def migrate_optimizer(top: Section) -> dict[str, Any]:
    """Takes `optimizer`, `optimizer_config` and `fp16`; returns `optim_wrapper`.

    Raises:
        ConfigError: there is no `optimizer`.
    """
    optimizer = top.section('optimizer')
    if optimizer is None:
        raise ConfigError("the key 'optimizer' is missing, a dict")
    wrapper: dict[str, Any] = dict(type='OptimWrapper')
    paramwise = _paramwise(optimizer)
    constructor = optimizer.take('constructor', 'DefaultOptimizerConstructor')
    if constructor != 'DefaultOptimizerConstructor':
        optimizer.notes.not_mapped('optimizer.constructor', constructor, 'mmengine has another')
    wrapper['optimizer'] = fit_whole(optimizer, OPTIMIZERS)
    optimizer.notes.changed('optimizer', 'optim_wrapper.optimizer', 'the wrapper steps')
    if paramwise:
        wrapper['paramwise_cfg'] = paramwise
    config = top.section('optimizer_config') or Section({}, 'optimizer_config', top.notes)
    why = 'the wrapper steps'
    clip = config.move('grad_clip', 'optim_wrapper.clip_grad', why)
    if clip is not None:
        wrapper['clip_grad'] = clip
    if config.get('type', _GRADIENT_HOOKS[0]) in _GRADIENT_HOOKS:
        kind = config.take('type', '')
        if 'Cumulative' in kind:
            new = 'optim_wrapper.accumulative_counts'
            wrapper['accumulative_counts'] = config.move('cumulative_iters', new, why, 1)
        if 'Fp16' in kind:
            wrapper |= _amp(config)
    config.close('the optimizer wrapper has no such setting')
    fp16 = top.section('fp16')
    if fp16 is not None:
        wrapper |= _amp(fp16)
        fp16.close('the optimizer wrapper has no such setting')
    return wrapper


def _amp(old: Section) -> dict[str, Any]:
    why = 'mixed precision is the wrapper of AMP'
    scale = old.move('loss_scale', 'optim_wrapper.loss_scale (AmpOptimWrapper)', why, 512.0)
    return dict(type='AmpOptimWrapper', loss_scale=scale)


def _paramwise(optimizer: Section) -> dict[str, Any]:
    why = 'it is the wrapper that builds the optimizer'
    new = 'optim_wrapper.paramwise_cfg'
    options = optimizer.move('paramwise_options', new, why)
    paramwise = dict(optimizer.move('paramwise_cfg', new, why) or options or {})
    renamed = {}
    for key, value in (paramwise.get('custom_keys') or {}).items():
        name = key
        for old, layer in _FCOS_LAYERS.items():
            name = name.replace(old, layer)
        if name != key:
            optimizer.notes.changed(key, name, 'the layer has another name since 2.0')
        renamed[name] = value
    return {**paramwise, 'custom_keys': renamed} if renamed else paramwise


def migrate_rate(top: Section, by_epoch: bool, length: int) -> list[dict[str, Any]]:
    """Takes `lr_config`; returns `param_scheduler`: the warm-up, then the policy."""
    lr = top.section('lr_config')
    if top.get('momentum_config') is not None:
        top.refuse('momentum_config', 'give the momentum a scheduler of its own')
    if lr is None:
        return []
    top.notes.changed('lr_config', 'param_scheduler', 'warm-up and policy are schedulers')
    schedulers = _warmup(lr)
    by_epoch = lr.take('by_epoch', by_epoch)
    span = dict(begin=0, end=length, by_epoch=by_epoch)
    policy = lr.take('policy', 'fixed')
    if policy == 'step':
        schedulers.append(_step(lr, span))
    elif policy in ('CosineAnnealing', 'cosine'):
        schedulers.append(dict(type='CosineAnnealingLR', T_max=length, **_least(lr), **span))
    elif policy == 'poly':
        power = lr.take('power', 1.0)
        schedulers.append(dict(type='PolyLR', power=power, **_least(lr), **span))
    elif policy == 'exp':
        schedulers.append(dict(type='ExponentialLR', gamma=lr.take('gamma'), **span))
    elif policy != 'fixed':
        lr.notes.not_mapped('lr_config.policy', policy, 'the rate stays as it is')
    lr.close('no scheduler has such a setting')
    return schedulers


def _warmup(lr: Section) -> list[dict[str, Any]]:
    kind = lr.take('warmup')
    end = lr.take('warmup_iters', 0)
    ratio = lr.take('warmup_ratio', 0.1)
    by_epoch = lr.take('warmup_by_epoch', False)
    if kind is None:
        return []
    if kind not in _WARMUPS:
        lr.notes.not_mapped('lr_config.warmup', kind, "'linear' and 'constant' are mapped")
        return []
    name, factor = _WARMUPS[kind]
    new: dict[str, Any] = {
        'type': name,
        factor: ratio,
        'by_epoch': by_epoch,
        'begin': 0,
        'end': end,
    }
    return [{**new, 'convert_to_iter_based': True} if by_epoch else new]


def _step(lr: Section, span: dict[str, Any]) -> dict[str, Any]:
    step, gamma = lr.take('step'), lr.take('gamma', 0.1)
    if isinstance(step, int):
        return dict(type='StepLR', step_size=step, gamma=gamma, **span)
    return dict(type='MultiStepLR', milestones=list(step), gamma=gamma, **span)


def _least(lr: Section) -> dict[str, Any]:
    if lr.get('min_lr_ratio') is not None:
        return dict(eta_min_ratio=lr.take('min_lr_ratio'))
    return dict(eta_min=lr.take('min_lr', 0))
