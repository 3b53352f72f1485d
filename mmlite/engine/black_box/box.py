"""The black box of a training: what a step that went wrong started from, written to a folder.

`mmlite.engine.black_box.replay` repeats the step.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.runner import Runner
from torch import nn

from mmlite.checkpoints.file import plain, write_checkpoint
from mmlite.engine.black_box.report import report_text, write_images
from mmlite.engine.black_box.step_start import Step
from mmlite.parallel import unwrapped
from mmlite.support.files import refusing_full_disk, temporary_prefix, write_text
from mmlite.version import __version__

STATE, CONFIG = 'state.pth', 'config.py'
# what hooks set in parts of a model: YOLOXModeSwitchHook, SetEpochInfoHook
SET_BY_HOOKS = ('use_l1', 'epoch')


def write_black_box(runner: Runner, step: Step, what: str) -> Path:
    """Writes the black box of a step, whole or not at all, and returns its folder.

    Nothing here waits for another process. The model's buffers are those before the step again.

    Args:
        runner: its weights are those before the step; on a GPU a step with gradients of zero has
            been made with them since.
        step: with what was found in it.
        what: what happened, for the report.
    """
    own = f'_rank{runner.rank}' if runner.world_size > 1 else ''
    folder = Path(runner.work_dir).absolute() / 'black_box' / f'iter_{step.iteration}{own}'
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f'{temporary_prefix(folder)}{os.getpid()}')
    detector = runner.model.module
    try:
        with refusing_full_disk(folder):
            unfinished.mkdir()
            step.put_buffers_back(detector)
            write_checkpoint(_state(runner, step), unfinished / STATE)
            write_text(unfinished / CONFIG, runner.cfg.pretty_text)
            write_images(step, _classes(runner), unfinished / 'images')
            text = report_text(detector, step, what, _circumstances(runner), replay_command(folder))
            write_text(unfinished / 'report.txt', text)
        shutil.rmtree(folder, ignore_errors=True)  # of the same iteration of an earlier run
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        step.put_buffers_back(detector)  # the report's forward pass has changed them
    return folder


def replay_command(folder: Path) -> str:
    """Returns the command that repeats a black box; with the plugins of this process's command."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--plugin', action='append', default=[])
    plugins = parser.parse_known_args(sys.argv[1:])[0].plugin
    words = ['python', 'tools/replay.py', str(folder)]
    return shlex.join([*words, *(word for file in plugins for word in ('--plugin', file))])


def _state(runner: Runner, step: Step) -> dict[str, Any]:
    detector = runner.model.module
    batch, left_out = _plain_batch(step)
    device = next(detector.parameters()).device
    return dict(
        epoch=step.epoch,
        iteration=step.iteration,
        seed=runner.seed,
        rank=runner.rank,
        world_size=runner.world_size,
        device=device.type,
        num_devices=len(getattr(runner.model, 'devices', [device])),
        classes=list(_classes(runner)),
        nonfinite_boxes=step.nonfinite_boxes,
        losses=step.losses,
        nonfinite_grads=step.nonfinite_grads,
        grad_figures=step.grad_figures,
        accumulative_counts=getattr(runner.optim_wrapper, '_accumulative_counts', 1),
        state_dict=detector.state_dict(),
        in_eval_mode=[name for name, m in detector.named_modules() if not m.training],
        frozen=[name for name, p in detector.named_parameters() if not p.requires_grad],
        set_by_hooks=_set_by_hooks(detector),
        batch=batch,
        cpu_only=[key for key, value in step.batch.items() if getattr(value, 'cpu_only', False)],
        left_out=left_out,
        random=step.random,
        amp_dtype=step.amp_dtype,
        numerics=numerics(),
        versions=versions(),
    )


def _set_by_hooks(detector: nn.Module) -> dict[str, dict[str, Any]]:
    """Returns by the name of a part what hooks set in it."""
    found = {
        name: {key: vars(part)[key] for key in SET_BY_HOOKS if key in vars(part)}
        for name, part in detector.named_modules()
    }
    return {name: values for name, values in found.items() if values}


def versions() -> dict[str, str]:
    """Returns the versions and settings on which the bits of a result depend."""
    return dict(
        mmlite=__version__,
        mmengine=mmengine.__version__,
        torch=str(torch.__version__),
        cpu=torch.backends.cpu.get_cpu_capability(),
    )


def numerics() -> dict[str, Any]:
    """Returns torch's settings that change the bits of a result."""
    return dict(
        threads=torch.get_num_threads(),  # sums are split among them
        deterministic=torch.are_deterministic_algorithms_enabled(),
        matmul_precision=torch.get_float32_matmul_precision(),
        cudnn_benchmark=torch.backends.cudnn.benchmark,
        cudnn_deterministic=torch.backends.cudnn.deterministic,
    )


def _plain_batch(step: Step) -> tuple[dict[str, Any], list[str]]:
    """Returns the batch without DataContainers, and the names of what is no plain data in it."""
    batch: dict[str, Any] = {}
    left_out: list[str] = []
    for key, value in step.batch.items():
        if key != 'img_metas':
            _keep_if_plain(batch, key, value, left_out)
    batch['img_metas'] = []
    for i, meta in enumerate(step.img_metas):
        kept: dict[str, Any] = {}
        for key, value in meta.items():
            _keep_if_plain(kept, key, value, left_out, f'img_metas[{i}].')
        batch['img_metas'].append(kept)
    return batch, left_out


def _keep_if_plain(kept: dict, key: str, value: Any, left_out: list[str], at: str = '') -> None:
    try:
        kept[key] = plain(unwrapped(value), f'{at}{key}')
    except TypeError:
        left_out.append(f'{at}{key}')


def _classes(runner: Runner) -> Sequence[str]:
    metainfo = getattr(runner.train_dataloader.dataset, 'metainfo', None) or {}
    return metainfo.get('classes') or ()


def _circumstances(runner: Runner) -> str:
    device = next(runner.model.parameters()).device
    return (
        f'seed {runner.seed}, process {runner.rank} of {runner.world_size}, {device.type}, '
        + ', '.join(f'{name} {version}' for name, version in versions().items())
    )
