"""Checks of how a config trains, only from its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.optim import build_optim_wrapper
from torch import nn

from mmlite.config import is_pretrained
from mmlite.engine.learning_rate import usual_rates
from mmlite.engine.prepare_model import prepared_optim_wrapper
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.finding import Finding, error, ok, percent, skipped, warning

_BATCH_NORM = nn.modules.batchnorm._BatchNorm
# published recipes have 1e-4 to 5e-4 in the gradient, AdamW 0.05 beside it
_MOST_DECAY, _MOST_DECOUPLED_DECAY = 0.02, 0.5
_MISFIT = 2  # times the batch that a rate is meant for


def frozen(context: Context) -> list[Finding]:
    """Layers that are never trained need weights from somewhere."""
    still = _parts_that_stay(context)
    if still:
        return [
            error(
                f'{still} is not trained: its tensors are frozen or have a learning rate of 0',
                'lr_mult in optim_wrapper.paramwise_cfg, or requires_grad',
            )
        ]
    backbone = context.checked_detector.backbone
    tensors = list(backbone.parameters())
    still = sum(not tensor.requires_grad for tensor in tensors)
    if _has_weights(context):
        return [ok(f'{percent(still, len(tensors))} tensors of the backbone are frozen')]
    if still:
        return [
            error(
                f'{percent(still, len(tensors))} tensors of the backbone are frozen, and it has no '
                'pretrained weights: they stay as they are drawn',
                'frozen_stages=-1 and norm_cfg=dict(requires_grad=True), or init_cfg or load_from',
            )
        ]
    norms = [module for module in backbone.modules() if isinstance(module, _BATCH_NORM)]
    if getattr(backbone, 'norm_eval', False) and norms:
        return [
            warning(
                f'norm_eval=True without pretrained weights: the {len(norms)} batch norms of the '
                'backbone never see their statistics',
                'model.backbone.norm_eval=False',
            )
        ]
    return [ok('nothing of the backbone is frozen')]


def _parts_that_stay(context: Context) -> str:
    """Names the parts that the optimiser leaves as they are, where nothing has trained them."""
    detector = context.checked_detector
    cfg = prepared_optim_wrapper(context.checked_cfg.optim_wrapper)
    groups = build_optim_wrapper(detector, cfg).param_groups
    moved = {id(p) for group in groups if group['lr'] for p in group['params'] if p.requires_grad}
    parts: dict[str, bool] = {}
    for name, parameter in detector.named_parameters():
        part = name.split('.')[0]
        parts[part] = parts.get(part, False) or id(parameter) in moved
    if not any(parts.values()):
        return 'the whole detector'
    loaded = {'backbone'} if not context.cfg.get('load_from') else set(parts)
    return ', '.join(part for part, learns in parts.items() if not learns and part not in loaded)


def _has_weights(context: Context) -> bool:
    parts = (context.checked_detector, context.checked_detector.backbone)
    named = any(is_pretrained(getattr(part, 'init_cfg', None)) for part in parts)
    return named or bool(context.cfg.get('load_from'))


def learning_rate(context: Context) -> list[Finding]:
    """The rate against the images of a step, and against what published recipes have."""
    cfg = context.checked_cfg
    optimizer = cfg.optim_wrapper.get('optimizer') or {}
    kind, rate = str(optimizer.get('type')), optimizer.get('lr')
    size = cfg.train_dataloader.get('batch_size', 1)
    size *= cfg.optim_wrapper.get('accumulative_counts', 1)
    settings = cfg.get('auto_scale_lr') or {}
    base = settings.get('base_batch_size') or size
    decay = optimizer.get('weight_decay') or 0
    most = _MOST_DECOUPLED_DECAY if kind == 'AdamW' else _MOST_DECAY
    if decay > most:
        evidence = f'{kind} with weight_decay={decay:g}: more than {most:g} pulls weights to 0'
        decay = 0.05 if kind == 'AdamW' else 1e-4
        return [error(evidence, f'optim_wrapper.optimizer.weight_decay={decay:g}')]
    usual = usual_rates(kind, base, context.checked_detector.backbone)
    if rate is None or usual is None:
        return [skipped(f'no rule for {kind} with lr={rate}')]
    low, high = usual
    evidence = f'{kind} with {rate:g} for {base} images a step'
    if not low <= rate <= high:
        change = f'optim_wrapper.optimizer.lr={high / 4:.1g}, or so'
        return [error(f'{evidence}; {low:g} to {high:g} are usual', change)]
    if settings.get('enable'):
        return [ok(f'{evidence}, scaled to {rate * size / base:g} for {size}')]
    if not 1 / _MISFIT < size / base < _MISFIT:
        return [
            warning(
                f'{evidence}, and here a step is for {size}, times the number of processes',
                f'--auto-scale-lr (it becomes {rate * size / base:g} in one process), or '
                f'auto_scale_lr.base_batch_size={size} to keep it knowingly',
            )
        ]
    return [ok(evidence)]


def sampling(context: Context) -> list[Finding]:
    """How images are drawn."""
    cfg, findings = context.checked_cfg, []
    if not _shuffles(cfg.train_dataloader):
        evidence = 'train_dataloader.sampler does not shuffle: every epoch has the same batches'
        findings.append(warning(evidence, "sampler=dict(type='DefaultSampler', shuffle=True)"))
    for name in ('val_dataloader', 'test_dataloader'):
        if (cfg.get(name) or {}).get('drop_last'):
            evidence = f'{name}.drop_last leaves images out, and metrics need each of them'
            findings.append(error(evidence, f'{name}.drop_last=False'))
    size = cfg.train_dataloader.get('batch_size', 1)
    if cfg.train_dataloader.get('drop_last') and len(context.train) < size:
        evidence = f'train_dataloader has {len(context.train)} images, batch_size={size} and '
        evidence += 'drop_last=True: not a single batch'
        findings.append(error(evidence, 'a smaller batch_size, or drop_last=False'))
    modules = (
        context.checked_detector.train().modules()
    )  # what norm_eval keeps in eval mode stays there
    learning = [m for m in modules if isinstance(m, _BATCH_NORM) and m.training]
    if size == 1 and learning:
        evidence = f'a batch of 1 image, and {len(learning)} batch norms that learn from batches'
        findings.append(
            warning(evidence, 'a larger batch, norm_eval=True with pretrained weights, or GN')
        )
    return findings or [ok(f'{size} images in a batch, in random order')]


def _shuffles(loader: Mapping[str, Any]) -> bool:
    sampler = loader.get('sampler')
    return not isinstance(sampler, Mapping) or sampler.get('shuffle', True)
