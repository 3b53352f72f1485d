"""Joins the processes of a distributed run, on GPUs or on CPUs."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import torch
from mmengine.dist import init_dist, is_distributed
from mmengine.logging import print_log

from mmlite.errors import ConfigError, ExpectedError, RunError

# what starts the processes, and a variable that it sets for each of them
_STARTED_BY = dict(pytorch=('torchrun --nproc_per_node N', 'RANK'), slurm=('srun', 'SLURM_PROCID'))
_OF_TORCHRUN = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
_OF_SLURM = ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID', 'SLURM_NODELIST')
_NUMBERS = {*_OF_TORCHRUN, *_OF_SLURM} - {'MASTER_ADDR', 'SLURM_NODELIST'}

_LOST = re.compile(r'Connection (closed|reset) by peer|Broken pipe|remote process exited')


def join_processes(launcher: str, dist_cfg: Mapping | None = None) -> None:
    """Connects this process with the others; without a launcher there are no others.

    Args:
        launcher: 'none', 'pytorch' (torchrun) or 'slurm'.
        dist_cfg: `env_cfg.dist_cfg`: backend ('nccl') and timeout in seconds. Without a GPU the
            backend is gloo.

    Raises:
        ConfigError: the processes were not started as `launcher` says, or do not meet.
    """
    if launcher == 'none':
        if 'TORCHELASTIC_RUN_ID' in os.environ and int(os.environ.get('WORLD_SIZE', 1)) > 1:
            raise ConfigError(
                'torchrun started several processes, which would train without each other: add '
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
        _check_variables(_OF_SLURM, launcher)
        os.environ.update(slurm_variables(os.environ))
    _check_variables(_OF_TORCHRUN, launcher)
    try:
        _join(dict(dist_cfg or {}))
    except (torch.distributed.DistNetworkError, torch.distributed.DistStoreError) as error:
        raise ConfigError(_why_not_joined(str(error))) from error


def _join(dist_cfg: dict) -> None:
    if torch.cuda.is_available():
        _check_gpu(int(os.environ['LOCAL_RANK']))
        init_dist('pytorch', **dist_cfg)
        return
    timeout = timedelta(seconds=dist_cfg.get('timeout', 1800))
    # not mmengine's init_dist, which picks a GPU first
    torch.distributed.init_process_group('gloo', timeout=timeout)


def _check_variables(names: Sequence[str], launcher: str) -> None:
    for name in names:
        value = os.environ.get(name)
        if value is None or (name in _NUMBERS and not value.isdigit()):
            found = 'is not set' if value is None else f'is no number: {value!r}'
            starter = _STARTED_BY[launcher][0]
            raise ConfigError(f'--launcher {launcher}: {name} {found}; start with {starter}')


def _why_not_joined(error: str) -> str:
    address, port = os.environ['MASTER_ADDR'], os.environ['MASTER_PORT']
    if 'EADDRINUSE' in error or 'in use' in error:
        return (
            f'port {port} (MASTER_PORT) of this machine is in use, perhaps by another run: take '
            f'another one, torchrun --master_port {int(port) + 1}, or any free one, torchrun '
            '--standalone. tools/dist_train.sh does so by itself'
        )
    return (
        f'the other processes cannot be reached at {address}:{port} (MASTER_ADDR, MASTER_PORT): '
        f'{error.splitlines()[0]:.200}'
    )


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
    missing = [i for i in gpu_ids if not 0 <= i < torch.cuda.device_count()]
    if missing:
        count = torch.cuda.device_count()
        instead = 'GPUs are counted from 0' if count else 'Without --gpu-ids the CPU is used'
        raise ConfigError(f'--gpu-ids: there is no GPU {missing[0]}: {count} are seen. {instead}')
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


@contextlib.contextmanager
def explaining_lost_processes() -> Iterator[None]:
    """Turns the error of a process that waits for one that has ended into one line.

    Raises:
        RunError: in the place of such an error; the other process says what happened.
    """
    try:
        yield
    except RuntimeError as error:
        alone = not torch.distributed.is_initialized()
        if alone or isinstance(error, ExpectedError) or not _LOST.search(str(error)):
            raise
        raise RunError(
            f'process {torch.distributed.get_rank()} stops: another process of this run has ended, '
            'and its message says why'
        ) from error


def leave_processes() -> None:
    """Closes the connection at the end of a run, however it ended."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
        # The model's wrapper may still hold the group. Gloo's threads end with it, and one that
        # lets go of a tensor when Python is gone already aborts the process.
        gc.collect()
