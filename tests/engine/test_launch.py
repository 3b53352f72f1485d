from __future__ import annotations

import pytest
import torch

from mmlite.engine.launch import join_processes, leave_processes
from mmlite.errors import ConfigError


def test_without_a_launcher_a_process_is_alone() -> None:
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
    with pytest.raises(ConfigError, match='each of which would train alone'):
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
