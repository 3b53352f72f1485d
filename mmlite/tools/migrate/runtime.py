"""What surrounds the training: hooks, log, environment, checkpoints to start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmlite.registry import HOOKS
from mmlite.tools.migrate.evaluation import best_figure
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.parts import fit_part, is_known

_BACKENDS = dict(
    TensorboardLoggerHook='TensorboardVisBackend',
    WandbLoggerHook='WandbVisBackend',
    MlflowLoggerHook='MLflowVisBackend',
)
# where in env_cfg they are now
_ENVIRONMENT = dict(
    cudnn_benchmark=('cudnn_benchmark',),
    mp_start_method=('mp_cfg', 'mp_start_method'),
    opencv_num_threads=('mp_cfg', 'opencv_num_threads'),
    dist_params=('dist_cfg',),
)
_SAME = ('log_level', 'work_dir', 'find_unused_parameters', 'auto_scale_lr')
_NO_LONGER = dict(
    gpus='the launcher says how many processes there are',
    **dict.fromkeys(('gpu_ids', 'device_ids'), 'CUDA_VISIBLE_DEVICES says which devices are seen'),
    device='the device is found',
    launcher='--launcher says it',
    local_rank='the launcher says it',
)


def migrate_runtime(
    top: Section, evaluation: Section, evaluators: Mapping[str, Any], by_epoch: bool
) -> dict[str, Any]:
    """Returns the sections that are neither model, data nor schedule.

    Args:
        top: the whole old config; its keys are taken out.
        evaluation: which figure decides on the best checkpoint is taken out.
        evaluators: the new ones.
        by_epoch: whether training counts epochs.
    """
    checkpoint = _checkpoint_hook(top, by_epoch) | _save_best(evaluation, evaluators)
    logger, visualizer = _log(top)
    new: dict[str, Any] = dict(
        default_hooks=dict(
            timer=dict(type='IterTimerHook'),
            logger=logger,
            param_scheduler=dict(type='ParamSchedulerHook'),
            checkpoint=checkpoint,
            sampler_seed=dict(type='DistSamplerSeedHook'),
        )
    )
    hooks = _custom_hooks(top)
    if hooks:
        new['custom_hooks'] = hooks
    if visualizer is not None:
        new['visualizer'] = visualizer
    new['log_processor'] = dict(
        type='LogProcessor', window_size=logger['interval'], by_epoch=by_epoch
    )
    new['env_cfg'] = _environment(top)
    new |= _starting_point(top)
    new |= {key: top.take(key) for key in _SAME if top.get(key) is not None}
    _drop_workflow(top)
    if top.get('custom_imports') is not None:
        top.refuse('custom_imports', 'code for 2.x registers its classes elsewhere: port it first')
    for key, why in _NO_LONGER.items():
        top.drop(key, why)
    return new


def _checkpoint_hook(top: Section, by_epoch: bool) -> dict[str, Any]:
    config = top.section('checkpoint_config') or Section({}, 'checkpoint_config', top.notes)
    new = dict(
        type='CheckpointHook',
        interval=config.take('interval', 1),
        by_epoch=config.take('by_epoch', by_epoch),
    )
    if config.left or config.taken:
        top.notes.changed('checkpoint_config', 'default_hooks.checkpoint', 'it is a hook')
    config.drop('create_symlink', 'the file last_checkpoint names the last one')
    new |= {
        key: config.take(key)
        for key in ('max_keep_ckpts', 'save_optimizer', 'save_last', 'out_dir')
        if key in config
    }
    config.close('CheckpointHook has no such setting')
    return new


def _save_best(evaluation: Section, evaluators: Mapping[str, Any]) -> dict[str, Any]:
    why = 'the hook that saves decides on the best'
    new = {}
    best = evaluation.move('save_best', 'default_hooks.checkpoint.save_best', why)
    if best is not None:
        new['save_best'] = best_figure(best, evaluators)
    rule = evaluation.move('rule', 'default_hooks.checkpoint.rule', why)
    if rule is not None:
        new['rule'] = rule
    return new


def _log(top: Section) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Returns the logger hook, and the visualizer where figures go elsewhere too."""
    config = top.section('log_config')
    if config is None:
        return dict(type='LoggerHook', interval=50), None
    top.notes.changed('log_config', 'default_hooks.logger, visualizer', 'it is a hook')
    logger = dict(type='LoggerHook', interval=config.take('interval', 10))
    backends = [dict(type='LocalVisBackend')]
    for index, values in enumerate(config.take('hooks', ())):
        hook = Section(values, f'log_config.hooks[{index}]', top.notes)
        kind = hook.take('type')
        if kind in _BACKENDS:
            backends.append(dict(type=_BACKENDS[kind]))
            hook.drop('by_epoch', 'log_processor.by_epoch says it')
            if 'init_kwargs' in hook:
                backends[-1]['init_kwargs'] = hook.take('init_kwargs')
        elif kind == 'TextLoggerHook':
            hook.drop('by_epoch', 'log_processor.by_epoch says it')
        else:
            top.notes.not_mapped(hook.at('type'), kind, 'no such log is there')
        hook.close('the log has no such setting')
    config.close('the log has no such setting')
    if len(backends) == 1:
        return logger, None
    return logger, dict(type='DetLocalVisualizer', vis_backends=backends, name='visualizer')


def _custom_hooks(top: Section) -> list[dict[str, Any]]:
    new = []
    for index, values in enumerate(top.take('custom_hooks') or ()):
        hook = Section(values, f'custom_hooks[{index}]', top.notes)
        kind = hook.take('type')
        if not is_known(kind, HOOKS):
            top.notes.not_mapped(hook.path, dict(values), 'mmlite has no such hook')
            hook.left.clear()
        else:
            priority = {'priority': hook.take('priority')} if 'priority' in hook else {}
            new.append({**fit_part(hook, HOOKS, kind), **priority})
        hook.close(f'{kind} takes no such argument')
    return new


def _environment(top: Section) -> dict[str, Any]:
    new: dict[str, Any] = dict(
        cudnn_benchmark=False,
        mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
        dist_cfg=dict(backend='nccl'),
    )
    for key, (*folders, last) in _ENVIRONMENT.items():
        if key in top:
            place = new
            for folder in folders:
                place = place[folder]
            why = 'it is a matter of the environment'
            place[last] = top.move(key, '.'.join(('env_cfg', *folders, last)), why)
    return new


def _starting_point(top: Section) -> dict[str, Any]:
    load_from = top.take('load_from')
    resume_from = top.move('resume_from', 'load_from and resume', 'one path for both')
    auto = top.move('auto_resume', 'resume', 'renamed', default=False)
    new = dict(load_from=resume_from or load_from, resume=bool(resume_from or auto))
    seed, deterministic = top.move('seed', 'randomness.seed', 'renamed'), top.take('deterministic')
    if seed is not None or deterministic is not None:
        new['randomness'] = dict(seed=seed, deterministic=bool(deterministic))
    return new


def _drop_workflow(top: Section) -> None:
    flow = [tuple(step) for step in top.get('workflow') or ()]
    if any(mode != 'train' for mode, _ in flow):
        top.refuse('workflow', 'losses on validation data are not computed; metrics are')
    else:
        top.drop('workflow', 'the loops say what runs')
