from __future__ import annotations

import pytest
import torch

from mmlite.engine.process.launch import (
    check_gpu_ids,
    first_host,
    join_processes,
    leave_processes,
    slurm_variables,
)
from mmlite.errors import ConfigError


def test_without_a_launcher_a_process_is_the_only_one() -> None:
    join_processes('none')
    leave_processes()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    ('launcher', 'message'),
    [
        ('pytorch', 'RANK is not set; start the command with torchrun --nproc_per_node N'),
        ('slurm', 'SLURM_PROCID is not set; start the command with srun'),
    ],
)
def test_what_must_have_started_it(
    monkeypatch: pytest.MonkeyPatch, launcher: str, message: str
) -> None:
    for name in ('RANK', 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError) as info:
        join_processes(launcher)
    assert str(info.value) == f'--launcher {launcher}: {message}'


def test_torchrun_needs_the_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TORCHELASTIC_RUN_ID', 'x')
    monkeypatch.setenv('WORLD_SIZE', '1')
    join_processes('none')
    monkeypatch.setenv('WORLD_SIZE', '2')
    with pytest.raises(ConfigError, match='which would train without each other'):
        join_processes('none')


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason='this torch has no gloo')
@pytest.mark.skipif(torch.cuda.is_available(), reason='a GPU is there')
def test_without_a_gpu_the_backend_is_gloo(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in dict(RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR='127.0.0.1').items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv('MASTER_PORT', '0')
    join_processes('pytorch', dict(backend='nccl', timeout=60))
    try:
        assert torch.distributed.get_backend() == 'gloo'
    finally:
        leave_processes()
    assert not torch.distributed.is_initialized()


SRUN = dict(SLURM_PROCID='3', SLURM_NTASKS='8', SLURM_LOCALID='1', SLURM_NODELIST='gpu[07-09,12]')


def test_what_torchrun_would_set_follows_from_srun() -> None:
    assert slurm_variables(dict(SRUN, SLURM_JOB_ID='123456')) == dict(
        RANK='3', WORLD_SIZE='8', LOCAL_RANK='1', MASTER_ADDR='gpu07', MASTER_PORT='33456'
    )  # 10000 + 123456 % 50000
    given = slurm_variables(dict(SRUN, MASTER_ADDR='10.0.0.1', MASTER_PORT='29500'))
    assert (given['MASTER_ADDR'], given['MASTER_PORT']) == ('10.0.0.1', '29500')


@pytest.mark.parametrize(
    ('node_list', 'first'),
    [
        ('gpu1', 'gpu1'),
        ('gpu1,gpu2', 'gpu1'),
        ('gpu[3,5]', 'gpu3'),
        ('a,gpu[1-2]', 'a'),
        ('r-2n[01-4]', 'r-2n01'),
    ],
)
def test_the_first_of_a_list_of_nodes(node_list: str, first: str) -> None:
    assert first_host(node_list) == first


def test_gpus_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    check_gpu_ids(None, 'pytorch')
    check_gpu_ids([0, 1], 'none')
    with pytest.raises(ConfigError, match='there is no GPU 2: 2 are seen'):
        check_gpu_ids([1, 2], 'none')
    with pytest.raises(ConfigError, match='of several each takes a GPU by itself'):
        check_gpu_ids([0], 'pytorch')
