"""Joins the processes of a distributed run, on GPUs or on CPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta

import torch
from mmengine.dist import init_dist, is_distributed

from mmlite.errors import ConfigError

# what starts the processes, and a variable that it sets for each of them
_STARTED_BY = dict(pytorch=('torchrun --nproc_per_node N', 'RANK'), slurm=('srun', 'SLURM_PROCID'))


def join_processes(launcher: str, dist_cfg: Mapping | None = None) -> None:
    """Connects this process with the others; without a launcher it stays alone.

    Args:
        launcher: 'none', 'pytorch' (torchrun) or 'slurm'.
        dist_cfg: `env_cfg.dist_cfg`: backend ('nccl') and timeout in seconds. Without a GPU the
            backend is gloo.

    Raises:
        ConfigError: the processes were not started as `launcher` says.
    """
    if launcher == 'none':
        if 'TORCHELASTIC_RUN_ID' in os.environ and int(os.environ.get('WORLD_SIZE', 1)) > 1:
            raise ConfigError(
                'torchrun started several processes, each of which would train alone: add '
                '--launcher pytorch'
            )
        return
    if is_distributed():
        return
    starter, variable = _STARTED_BY[launcher]
    if variable not in os.environ:
        raise ConfigError(
            f'--launcher {launcher}: {variable} is not set; start the command with {starter}'
        )
    dist_cfg = dict(dist_cfg or {})
    if torch.cuda.is_available():
        init_dist(launcher, **dist_cfg)
        return
    if launcher == 'slurm':
        raise ConfigError('--launcher slurm: no GPU is seen; on CPUs use torchrun')
    timeout = timedelta(seconds=dist_cfg.get('timeout', 1800))
    # not mmengine's init_dist, which picks a GPU first
    torch.distributed.init_process_group('gloo', timeout=timeout)


def leave_processes() -> None:
    """Closes the connection at the end of a run, however it ended."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
