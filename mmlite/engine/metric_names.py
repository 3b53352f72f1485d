"""The names of the metrics that a validation will give, as far as they can be known before it."""

from __future__ import annotations

from mmengine.runner import BaseLoop, Runner

from mmlite.errors import ConfigError, did_you_mean

_OWN = ('mmlite.', 'mmengine.')


def check_metric_name(runner: Runner, name: str, user: str) -> None:
    """Refuses the name of a metric that no validation of this run will give.

    Args:
        runner: its validation loop is built.
        name: such as 'coco/bbox_mAP'.
        user: the argument that names it, as the message begins.

    Raises:
        ConfigError: there is no such metric; names the nearest one.
    """
    known = known_names(runner)
    if known is None or name in known or (name.startswith('val_loss_') and 'val_loss' in known):
        return
    raise ConfigError(
        f"{user}: there is no metric '{name}'.{did_you_mean(name, known)} "
        f'There are: {", ".join(known) or "none"}'
    )


def known_names(runner: Runner) -> list[str] | None:
    """Returns the names; None where a metric or a hook of a plugin may give others."""
    if not isinstance(runner._val_loop, BaseLoop):  # a test, or a training without validation
        return None
    names: list[str] = []
    for metric in runner._val_loop.evaluator.metrics:
        own = type(metric).compute_metrics.__module__.startswith(_OWN)
        if not own or not hasattr(metric, 'figure_names'):
            return None
        prefix = f'{metric.prefix}/' if metric.prefix else ''
        names += [f'{prefix}{name}' for name in metric.figure_names()]
    for hook in runner.hooks:
        if not type(hook).after_val_epoch.__module__.startswith(_OWN):
            return None
        names += getattr(hook, 'metric_names', ())
    return names
