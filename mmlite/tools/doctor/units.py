"""A training counts epochs or iterations; what counts the other one, and by mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmlite.engine.agreement import Span
from mmlite.engine.units import loop_counts_epochs
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.finding import Finding, error, ok, warning
from mmlite.tools.doctor.schedule import span_of

_CHECKPOINT = 'default_hooks.checkpoint'


def units(context: Context) -> list[Finding]:
    """What in the config counts epochs or iterations, against what `train_cfg` counts."""
    cfg, length = context.checked_cfg, span_of(context)
    by_epoch = loop_counts_epochs(cfg.train_cfg)
    findings = [*_schedules(cfg, length, by_epoch), *_averages(cfg, length)]
    if not by_epoch:
        findings += [*_checkpoints(cfg, length), *_logs(cfg), *_validations(cfg, length)]
    return findings or [ok(f'training counts {"epochs" if by_epoch else "iterations"}: {length}')]


def _schedules(cfg: Mapping[str, Any], length: Span, by_epoch: bool) -> Iterator[Finding]:
    for i, scheduler in enumerate(_listed(cfg.get('param_scheduler'))):
        counts_epochs = scheduler.get('by_epoch', True)
        end = length.epochs if counts_epochs else length.iterations
        unit = 'epochs' if counts_epochs else 'iterations'
        at = f'param_scheduler[{i}] ({scheduler["type"]})'
        first = scheduler.get('begin', 0)
        first += min(scheduler.get('milestones') or [scheduler.get('step_size', 0)])
        if first >= end:
            evidence = f'{at} never changes anything: it begins to after {first} {unit}, '
            evidence += f'and the training has {end:g}'
            change = f'less than {end:g} {unit}, or by_epoch={not counts_epochs}'
            yield (warning if by_epoch else error)(evidence, change)
        elif not by_epoch and 'by_epoch' not in scheduler:
            yield _unsaid(at, f'param_scheduler.{i}', length)


def _averages(cfg: Mapping[str, Any], length: Span) -> Iterator[Finding]:
    for i, hook in enumerate(_listed(cfg.get('custom_hooks'))):
        for key, end in (('begin_epoch', length.epochs), ('begin_iter', length.iterations)):
            if hook.get(key, 0) > end:
                evidence = f'custom_hooks[{i}].{key}={hook[key]} comes after the end, {end:g}'
                yield error(evidence, f'custom_hooks.{i}.{key}={round(end / 10)}')


def _checkpoints(cfg: Mapping[str, Any], length: Span) -> Iterator[Finding]:
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    interval = hook.get('interval', -1)
    if hook.get('by_epoch') is not None or interval <= 0:
        return
    if interval > length.epochs:
        evidence = f'{_CHECKPOINT}.interval={interval} counts epochs, as by_epoch is not set, '
        evidence += f'and the training has {length.epochs:g}'
        yield error(evidence, f'{_CHECKPOINT}.by_epoch=False')
    else:
        yield _unsaid(_CHECKPOINT, _CHECKPOINT, length)


def _logs(cfg: Mapping[str, Any]) -> Iterator[Finding]:
    key = 'default_hooks.logger.log_metric_by_epoch'
    if ((cfg.get('default_hooks') or {}).get('logger') or {}).get('log_metric_by_epoch'):
        yield error(f'{key}=True, and the training counts iterations', f'{key}=False')


def _validations(cfg: Mapping[str, Any], length: Span) -> Iterator[Finding]:
    interval = cfg['train_cfg'].get('val_interval', 1000)
    if cfg.get('val_dataloader') and interval < length.per_epoch / 10:
        evidence = f'train_cfg.val_interval={interval} counts iterations, and a pass through the '
        evidence += f'data has {length.per_epoch}: most of the time would be validation'
        yield warning(evidence, f'train_cfg.val_interval={length.per_epoch}')


def _unsaid(at: str, key: str, length: Span) -> Finding:
    evidence = f'{at} counts epochs, as by_epoch is not set, and the training counts iterations: '
    evidence += f'an epoch is one pass through the data, {length.per_epoch} iterations'
    return warning(evidence, f'{key}.by_epoch=False, or True to keep it')


def _listed(value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        return [value]
    return [part for part in value or [] if isinstance(part, Mapping)]
