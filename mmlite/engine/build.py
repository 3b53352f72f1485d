"""From a config to a Runner that trains or tests."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process, sync_random_seed
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmlite.checkpoints.loading import check_is_there, read_checkpoint
from mmlite.datasets import build_dataset
from mmlite.engine.checks import (
    LOOPS_OF,
    check_config,
    check_head_against_data,
    check_validation_classes,
)
from mmlite.engine.custom_keys import check_custom_keys
from mmlite.engine.process.launch import check_gpu_ids, join_processes
from mmlite.engine.process.random_state import seed_generators
from mmlite.engine.process.work_dir import WorkDirLock, make_work_dir
from mmlite.engine.resuming.resume import find_resumable
from mmlite.engine.runner import Runner
from mmlite.engine.tta import TTALoop, collate_versions, use_tta
from mmlite.engine.vis_backends import check_vis_backends
from mmlite.models import build_detector
from mmlite.models.matching_parts import check_parts_fit


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
        allow_partial: go on where only a part of a checkpoint fits the model.
        trust_checkpoint: read more than plain data from it.
        checkpoint_layout: '1.x' or '3.x', where an SSD file does not say which mmdet wrote it.
        tta: test several versions of each image, see `mmlite.engine.tta`.

    Raises:
        ConfigError: something in the config cannot be built, or model and data do not fit.
        DataError: the data are missing or cannot be used.
    """
    env_cfg = cfg.get('env_cfg') or {}
    # first of all: loggers look whether they speak for the first process when they are made
    join_processes(cfg.get('launcher', 'none'), env_cfg.get('dist_cfg'))
    check_gpu_ids(cfg.get('gpu_ids'), cfg.get('launcher', 'none'))
    check_config(cfg, task)
    check_vis_backends(cfg.get('visualizer'))
    cfg = copy.deepcopy(cfg)
    merging = use_tta(cfg) if tta else None
    load_from, resumed = _resolved_checkpoint(cfg, task, trust_checkpoint)
    # before the detector is built: a part without an init_cfg keeps the weights it is built with
    cfg.randomness = _resolved_randomness(cfg, resumed)
    seed_generators(**cfg.randomness)
    detector = build_detector(cfg.model)
    check_parts_fit(cfg.model)
    if task == 'train':
        check_custom_keys(cfg, detector)
    parts: dict[str, Any] = {}
    for loop in LOOPS_OF[task]:
        loader = cfg.get(f'{loop}_dataloader')
        if loader is None:
            continue
        at = f'{loop}_dataloader.dataset'
        dataset = build_dataset(loader.dataset, at=at)
        check_head_against_data(detector, dataset, at)
        parts[f'{loop}_dataloader'] = {**loader, 'dataset': dataset}
        parts[f'{loop}_cfg'] = cfg[f'{loop}_cfg']
        if loop != 'train':
            parts[f'{loop}_evaluator'] = cfg[f'{loop}_evaluator']
    if merging is not None:
        parts['test_dataloader']['collate_fn'] = collate_versions
        parts['test_cfg'] = {**parts['test_cfg'], 'type': TTALoop, **merging}
    if 'val_dataloader' in parts:
        trained, validated = (parts[f'{loop}_dataloader']['dataset'] for loop in ('train', 'val'))
        check_validation_classes(trained, validated)
    if task == 'train':
        for name in ('optim_wrapper', 'param_scheduler', 'auto_scale_lr'):
            parts[name] = cfg.get(name)
    hooks = list(cfg.get('custom_hooks') or [])
    if is_main_process():
        make_work_dir(cfg.work_dir)
        if task == 'train':
            hooks.append(WorkDirLock(cfg.work_dir).take())
    return Runner(
        model=detector,
        work_dir=cfg.work_dir,
        default_hooks=cfg.get('default_hooks'),
        custom_hooks=hooks,
        load_from=load_from,
        resume=resumed is not None,
        resumed=resumed,
        launcher=cfg.get('launcher', 'none'),
        env_cfg=env_cfg,
        log_processor=cfg.get('log_processor'),
        log_level=cfg.get('log_level', 'INFO'),
        visualizer=cfg.get('visualizer') or default_visualizer(),
        default_scope=None,  # mmlite's registries are asked directly
        randomness=cfg.randomness,
        experiment_name=cfg.get('experiment_name'),
        cfg=cfg,
        extra_metrics=extra_metrics,
        allow_partial=allow_partial,
        trust_checkpoint=trust_checkpoint,
        checkpoint_layout=checkpoint_layout,
        **parts,
    )


def _resolved_checkpoint(
    cfg: Config, task: str, trust_checkpoint: bool
) -> tuple[str | None, dict | None]:
    """Returns the path of the checkpoint to start from, and its content where it is resumed."""
    resume, path = task == 'train' and cfg.get('resume', False), cfg.get('load_from')
    if path is not None:
        check_is_there(path)
        return path, read_checkpoint(path, trust_checkpoint) if resume else None
    if not resume:
        return None, None
    path, resumed = find_resumable(cfg.work_dir, trust_checkpoint)
    if path is None:
        print_log(f'{cfg.work_dir} has no checkpoint to resume: a new training', 'current')
    return path, resumed


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
