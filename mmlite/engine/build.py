"""From a config to a Runner that trains or tests."""

from __future__ import annotations

import importlib.util
import logging
import math
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process, sync_random_seed
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import print_log
from torch import nn

from mmlite.checkpoints.file import trained_classes
from mmlite.checkpoints.loading import check_is_there, read_checkpoint
from mmlite.datasets.auto_classes import needs_classes
from mmlite.engine.agreement import Span, disagreements, too_large_batch
from mmlite.engine.checks import check_resumed_classes, check_validation_classes
from mmlite.engine.custom_keys import check_custom_keys
from mmlite.engine.parts import Parts
from mmlite.engine.process.launch import check_gpu_ids, join_processes
from mmlite.engine.process.random_state import seed_generators
from mmlite.engine.process.work_dir import WorkDirLock, make_work_dir
from mmlite.engine.resuming.resume import find_resumable
from mmlite.engine.runner import Runner
from mmlite.engine.tta import TTALoop, collate_versions, use_tta
from mmlite.errors import ConfigError


def build_runner(
    cfg: Config,
    task: str = 'train',
    extra_metrics: Sequence[BaseMetric] = (),
    allow_partial: bool = False,
    trust_checkpoint: bool = False,
    checkpoint_layout: str | None = None,
    tta: bool = False,
) -> Runner:
    """Builds the data sets and the detector of a config, and the Runner around them.

    Nothing is written before both fit each other; weights come with `train()` or `test()`.

    Args:
        cfg: from `load_config`, with `work_dir` set; it is not changed.
        task: 'train', with validation where the config has it, or 'test'.
        extra_metrics: metrics beside those of the config.
        allow_partial, trust_checkpoint, checkpoint_layout: see `Runner`.
        tta: test several versions of each image, see `mmlite.engine.tta`.

    Raises:
        ConfigError: something in the config cannot be built, or model and data do not fit.
        DataError: the data are missing or cannot be used.
    """
    _join(cfg)
    parts = Parts(cfg, task, _checkpoint_classes(cfg, task, trust_checkpoint))
    start = _start(parts, trust_checkpoint)
    model = _seeded_model(parts, start['resumed'])
    stages = _stages(parts, extra_metrics, tta)
    if start['resumed'] is not None:
        check_resumed_classes(start['resumed'], parts.train_set, start['load_from'])
    said = _lengths(parts) if task == 'train' else []
    hooks = _hooks(parts)  # from here on the work dir is this run's
    trust = dict(allow_partial=allow_partial, trust_checkpoint=trust_checkpoint)
    settings = _settings(parts)
    runner = Runner(
        model, **start, **stages, **hooks, **trust, **settings, checkpoint_layout=checkpoint_layout
    )
    for level, text in said:
        runner.logger.log(level, text)
    if parts.said_of_classes:  # when there was no log file yet
        runner.log_to_file(parts.said_of_classes)
    return runner


def _join(cfg: Config) -> None:
    """First of all: loggers look whether they speak for the first process when they are made."""
    launcher = cfg.get('launcher', 'none')
    join_processes(launcher, (cfg.get('env_cfg') or {}).get('dist_cfg'))
    check_gpu_ids(cfg.get('gpu_ids'), launcher)


def _checkpoint_classes(cfg: Config, task: str, trust_checkpoint: bool) -> Sequence[str] | None:
    """Those that the tested checkpoint was trained on; None in a training, which has its data."""
    path = cfg.get('load_from')
    if task == 'train' or path is None or not needs_classes(cfg):
        return None
    check_is_there(path)
    return trained_classes(read_checkpoint(path, trust_checkpoint).get('meta'))


def _start(parts: Parts, trust_checkpoint: bool) -> dict[str, Any]:
    """The checkpoint to start from, and its content where it is resumed."""
    cfg = parts.checked_cfg
    resume, path = parts.task == 'train' and cfg.get('resume', False), cfg.get('load_from')
    content = None
    if path is not None:
        check_is_there(path)
        content = read_checkpoint(path, trust_checkpoint) if resume else None
    elif resume:
        path, content = find_resumable(cfg.work_dir, trust_checkpoint)
        if path is None:
            text = f'{cfg.work_dir} has no checkpoint to resume: a new training'
            print_log(text, 'current', logging.WARNING)
    return dict(load_from=path, resumed=content, resume=content is not None)


def _seeded_model(parts: Parts, resumed: dict | None) -> nn.Module:
    """The detector; a part without an init_cfg keeps the weights that it is built with."""
    cfg = parts.checked_cfg
    cfg.randomness = _resolved_randomness(cfg, resumed)
    seed_generators(**cfg.randomness)
    model = parts.checked_detector
    if parts.task == 'train':
        check_custom_keys(cfg, model)
    return model


def _stages(parts: Parts, extra_metrics: Sequence[BaseMetric], tta: bool) -> dict[str, Any]:
    """Loaders, loops and evaluators of the task, and for a training its optimiser."""
    cfg = parts.checked_cfg
    merging = use_tta(cfg) if tta else None
    built: dict[str, Any] = {}
    for stage in parts.stages:
        built[f'{stage}_dataloader'] = parts.loader(stage)
        built[f'{stage}_cfg'] = cfg[f'{stage}_cfg']
    for stage, metrics in parts.metrics.items():
        built[f'{stage}_evaluator'] = Evaluator([*metrics, *extra_metrics])
    if merging is not None:
        built['test_dataloader']['collate_fn'] = collate_versions
        built['test_cfg'] = {**built['test_cfg'], 'type': TTALoop, **merging}
    if 'val' in parts.stages:
        check_validation_classes(parts.train_set, parts.val_set)
    if parts.task == 'train':
        for name in ('optim_wrapper', 'param_scheduler', 'auto_scale_lr'):
            built[name] = cfg.get(name)
    return built


def _lengths(parts: Parts) -> list[tuple[int, str]]:
    """What the log has to say about the length of the training, each with its level.

    Raises:
        ConfigError: most of the training would be at a learning rate of nearly 0.
    """
    cfg = parts.checked_cfg
    size = cfg.train_dataloader.get('batch_size', 1) * get_world_size()
    number = len(parts.train_set)
    span = Span.of(cfg.train_cfg, math.ceil(number / size))
    found = [*too_large_batch(size, number), *disagreements(cfg, span)]
    for each in found:
        if each.is_refused:
            raise ConfigError(str(each))
    stretched = getattr(cfg, 'stretched', None)
    said = [] if stretched is None else [(logging.INFO, str(stretched))]
    return said + [(logging.WARNING, str(each)) for each in found]


def _hooks(parts: Parts) -> dict[str, Any]:
    """The hooks, with the lock of the work dir, which is made here."""
    default, custom = parts.hooks
    if is_main_process():
        make_work_dir(parts.cfg.work_dir)
        if parts.task == 'train':
            custom = [*custom, WorkDirLock(parts.cfg.work_dir).take()]
    return dict(default_hooks=default, custom_hooks=custom)


def _settings(parts: Parts) -> dict[str, Any]:
    """What mmengine's Runner reads of a config beside its parts."""
    cfg = parts.checked_cfg
    return dict(
        cfg=cfg,
        work_dir=cfg.work_dir,
        launcher=cfg.get('launcher', 'none'),
        env_cfg=cfg.get('env_cfg') or {},
        log_processor=parts.log_processor,
        log_level=cfg.get('log_level', 'INFO'),
        visualizer=cfg.get('visualizer') or default_visualizer(),
        default_scope=None,  # mmlite's registries are asked directly
        randomness=cfg.randomness,
        experiment_name=cfg.get('experiment_name'),
    )


def _resolved_randomness(cfg: Config, resumed: dict | None) -> dict:
    """Returns `randomness` with a seed: the config's, that of the run resumed, or a fresh one."""
    randomness = dict(cfg.get('randomness') or {})
    if randomness.get('seed') is None and resumed is not None:
        randomness['seed'] = (resumed.get('meta') or {}).get('seed')
    if randomness.get('seed') is None:
        randomness['seed'] = sync_random_seed()
    return randomness


def default_visualizer() -> dict:
    """Scalars go to a file of JSON lines, and to TensorBoard where it is installed."""
    backends = [dict(type='LocalVisBackend')]
    if importlib.util.find_spec('tensorboard') is not None:
        backends.append(dict(type='TensorboardVisBackend'))
    return dict(type='DetLocalVisualizer', vis_backends=backends)
