"""Proves that a killed training that is resumed ends with the weights of one never interrupted.

Everything runs through the real command line. The config is made short, and what makes resuming
hard is switched on: workers, weights averaged over the iterations, warm-up, random scale, a few
epochs with validations, and weights that depend on the random state of each process.
"""

from __future__ import annotations

import copy
import hashlib
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config

from lab.processes import environment
from mmlite.checkpoints.file import last_checkpoint, read_checkpoint
from mmlite.config.nodes import walk
from mmlite.errors import RunError
from mmlite.registry import DATASETS, parameters_of

KINDS = ('kill', 'kill while writing', 'terminate')
_EPOCHS = 3
_SNAPSHOT_INTERVAL = 4  # iterations
_VAL_IMAGES = 4


@dataclass(frozen=True)
class KillPoint:
    """Where a training is interrupted.

    Attributes:
        iteration: in which iteration, from 1.
        kind: 'kill': SIGKILL somewhere in the iteration; 'kill while writing': SIGKILL when half
            of the next checkpoint is on the disk; 'terminate': SIGTERM in the iteration.
        share: how much of the iteration has passed by then, measured by the one before.
        rank: the process that it happens to.
    """

    iteration: int
    kind: str
    share: float
    rank: int

    def __str__(self) -> str:
        if self.kind == 'kill while writing':
            return f'{self.kind} the first checkpoint from iteration {self.iteration}'
        return f'{self.kind} process {self.rank} at iteration {self.iteration + self.share:.2f}'


@dataclass(frozen=True)
class Trial:
    """How a trial went: the hashes with which the resumed and the uninterrupted run ended."""

    point: KillPoint
    found: str
    expected: str

    @property
    def equal(self) -> bool:
        return self.found == self.expected


def verify(
    cfg: Config,
    folder: Path,
    trials: int,
    iters: int,
    processes: int = 1,
    seed: int = 0,
    restore: bool = True,
) -> Iterator[Trial]:
    """Trains once without a break, then `trials` times with one, and yields how each ended.

    Args:
        cfg: the config of a training; it is not changed.
        folder: for the runs.
        trials, iters: how many runs, of how many iterations.
        processes: of each run.
        seed: of the kill points.
        restore: False leaves out the restoring of the random state, to see that it matters.

    Raises:
        RunError: a training failed of itself; the message has the end of its output.
    """
    cfg = short(cfg, iters)
    witness = dict(type='RandomWitness', restore=restore)
    _train(cfg, folder / 'whole', processes, [witness])
    expected = final_state(folder / 'whole')
    for number, point in enumerate(kill_points(trials, iters, processes, seed), 1):
        work_dir = folder / f'trial_{number}'
        interrupt = dict(type='Interrupt', **asdict(point))
        _train(cfg, work_dir, processes, [witness, interrupt], interrupted=True)
        _train(cfg, work_dir, processes, [witness], resume=True)
        yield Trial(point, final_state(work_dir), expected)


def _train(
    cfg: Config,
    work_dir: Path,
    processes: int,
    hooks: list[dict],
    interrupted: bool = False,
    resume: bool = False,
) -> None:
    """Runs one training as a user would."""
    cfg = copy.deepcopy(cfg)
    cfg.custom_hooks = [*cfg.custom_hooks, *hooks]
    config = work_dir.with_suffix('.py')
    cfg.dump(str(config))
    words = ['-m', 'mmlite', 'train', str(config), '--work-dir', str(work_dir), '--deterministic']
    if processes > 1:
        run = ['torch.distributed.run', '--standalone', '--nproc_per_node', str(processes)]
        words = ['-m', *run, *words, '--launcher', 'pytorch']
    if resume:
        words.append('--resume')
    env = {'OMP_NUM_THREADS': '1', **environment()}
    end = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=env)
    if (end.returncode != 0) != interrupted:
        raise RunError(f'{work_dir.name} ended with status {end.returncode}:\n{end.stderr[-3000:]}')


def short(cfg: Config, iters: int) -> Config:
    """Returns a config of `iters` iterations in which everything that must be resumed is on."""
    cfg = copy.deepcopy(cfg)
    train = cfg.train_dataloader
    if cfg.train_cfg.get('max_iters'):
        cfg.train_cfg.update(max_iters=iters, val_interval=math.ceil(iters / _EPOCHS))
    else:
        per_epoch = math.ceil(iters / _EPOCHS)
        train.batch_sampler = dict(type='FirstBatches', number=per_epoch)
        cfg.train_cfg.update(max_epochs=math.ceil(iters / per_epoch), val_interval=1)
    train.update(num_workers=2, persistent_workers=True)
    _scale_at_random(cfg)
    _validate_on_few(cfg)
    hooks = cfg.get('custom_hooks') or []
    if not any(hook['type'] == 'EMAHook' for hook in hooks):
        hooks.append(dict(type='EMAHook', momentum=0.05))
    cfg.custom_hooks = hooks
    warm_up = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=iters // 2)
    schedulers = cfg.get('param_scheduler') or []
    if not any(scheduler['type'] == 'LinearLR' for scheduler in schedulers):
        cfg.param_scheduler = [warm_up, *schedulers]
    saving = dict(cfg.get('default_hooks', {}).get('checkpoint') or dict(type='CheckpointHook'))
    saving.update(interval=1, snapshot_interval=_SNAPSHOT_INTERVAL)
    cfg.default_hooks = dict(cfg.get('default_hooks') or {}, checkpoint=saving, pictures=None)
    imports = dict(cfg.get('custom_imports') or {})
    imports['imports'] = [*imports.get('imports', []), 'lab.verify_resume.interrupt']
    cfg.custom_imports = imports
    return cfg


def _scale_at_random(cfg: Config) -> None:
    """Puts RandomResize in the place of Resize where the priors are made for any size."""
    generator = cfg.model.bbox_head.get('anchor_generator') or {}
    if generator.get('input_size'):
        return
    for _, node in walk(cfg.train_dataloader):
        for step in node.get('pipeline') or [] if isinstance(node, dict) else []:
            if step.get('type') == 'Resize':
                step.update(type='RandomResize', ratio_range=(0.75, 1.25))


def _validate_on_few(cfg: Config) -> None:
    """A data set that cannot be cut short is not validated on."""
    at = 'val_dataloader.dataset'
    dataset = (cfg.get('val_dataloader') or {}).get('dataset')
    if dataset and 'indices' in (parameters_of(DATASETS.find(dataset['type'], at)) or ()):
        dataset['indices'] = _VAL_IMAGES
    else:
        cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None


def kill_points(number: int, iters: int, processes: int, seed: int) -> list[KillPoint]:
    """Draws where to interrupt: each kind in turn, anywhere but in the last iteration."""
    rng = np.random.default_rng(seed)
    points = []
    for i in range(number):
        kind = KINDS[i % len(KINDS)]
        iteration, rank = int(rng.integers(1, iters)), int(rng.integers(processes))
        rank = 0 if kind == 'kill while writing' else rank  # only the first process writes
        points.append(KillPoint(iteration, kind, float(rng.uniform()), rank))
    return points


def final_state(work_dir: Path) -> str:
    """Returns the hash of what a run ended with: weights, average, optimiser, schedules, losses."""
    checkpoint = read_checkpoint(last_checkpoint(work_dir))
    names = ('state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers', 'process_states')
    state = {name: checkpoint.get(name) for name in names}
    history = checkpoint['message_hub']['log_scalars']
    state['losses'] = {key: value for key, value in history.items() if 'loss' in key}
    state['position'] = [checkpoint['meta'][name] for name in ('epoch', 'iter')]
    digest = hashlib.sha256()
    _feed(digest, state)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            digest.update(str(key).encode())
            _feed(digest, value[key])
    elif isinstance(value, (list, tuple)):
        for item in value:
            _feed(digest, item)
    elif isinstance(value, torch.Tensor):
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    else:
        digest.update(repr(value).encode())
