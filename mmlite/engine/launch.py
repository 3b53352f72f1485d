"""Joins the processes of a distributed run, on GPUs or on CPUs."""

from __future__ import annotations

import gc
import logging
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

import torch
from mmengine.dist import init_dist, is_distributed
from mmengine.logging import print_log

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
    if launcher == 'slurm':
        os.environ.update(slurm_variables(os.environ))
    dist_cfg = dict(dist_cfg or {})
    if torch.cuda.is_available():
        _check_gpu(int(os.environ['LOCAL_RANK']))
        init_dist('pytorch', **dist_cfg)
        return
    timeout = timedelta(seconds=dist_cfg.get('timeout', 1800))
    # not mmengine's init_dist, which picks a GPU first
    torch.distributed.init_process_group('gloo', timeout=timeout)


def slurm_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns what torchrun would set, from what srun sets for each process.

    The processes meet at the job's first node, at a port that follows from the job's number, so
    that jobs on one node keep apart; MASTER_ADDR and MASTER_PORT win where they are set.
    """
    port = 10000 + int(environ.get('SLURM_JOB_ID', 0)) % 50000
    return dict(
        RANK=environ['SLURM_PROCID'],
        WORLD_SIZE=environ['SLURM_NTASKS'],
        LOCAL_RANK=environ['SLURM_LOCALID'],
        MASTER_ADDR=environ.get('MASTER_ADDR') or first_host(environ['SLURM_NODELIST']),
        MASTER_PORT=environ.get('MASTER_PORT') or str(port),
    )


def first_host(node_list: str) -> str:
    """Returns the first of Slurm's short list of names: 'gpu[07-09,12],cpu1' -> 'gpu07'."""
    name, bracket, numbers = node_list.partition('[')
    if not bracket or ',' in name:
        return name.split(',')[0]
    return name + re.split(r'[-,\]]', numbers)[0]


def check_gpu_ids(gpu_ids: Sequence[int] | None, launcher: str) -> None:
    """Checks the GPUs that one process is to use.

    Raises:
        ConfigError: there are fewer, or there are several processes, each of which has one.
    """
    if not gpu_ids:
        return
    if launcher != 'none':
        raise ConfigError('--gpu-ids is for one process; of several each takes a GPU by itself')
    missing = [i for i in gpu_ids if i >= torch.cuda.device_count()]
    if missing:
        raise ConfigError(
            f'--gpu-ids: there is no GPU {missing[0]}: {torch.cuda.device_count()} are seen'
        )
    if len(gpu_ids) > 1:
        print_log(
            'Several GPUs of one process copy the model in each step. Faster, with the same '
            f'result: tools/dist_train.sh CONFIG {len(gpu_ids)}',
            'current',
            logging.WARNING,
        )


def _check_gpu(local_rank: int) -> None:
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise ConfigError(
            f'process {local_rank} of this machine has no GPU of its own: {count} are seen; start '
            f'{count} processes'
        )


def leave_processes() -> None:
    """Closes the connection at the end of a run, however it ended."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        # The model's wrapper may still hold the group. Gloo's threads end with it, and one that
        # lets go of a tensor when Python is gone already aborts the process.
        gc.collect()
