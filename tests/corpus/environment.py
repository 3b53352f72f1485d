"""What a run finds around it: no GPU, no memory, no port, no torchvision, workers that die."""

from __future__ import annotations

import errno
import multiprocessing.process
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mmlite.config import load_config
from mmlite.datasets.workers import what_fits
from mmlite.support.torchvision_ops import install_command
from tests.corpus.case import named_cases
from tests.corpus.commands import refused, stopped, train
from tests.corpus.failing_workers import resource
from tests.runs import CHECKOUT, TINY, Ended

GB = 1e9


# ---- workers ------------------------------------------------------------------------------------


def deprived(folder: Path, of: str, after: int = 0) -> Ended:
    """A training whose two workers are deprived of something."""
    steps = [dict(step) for step in load_config(TINY).train_dataloader.dataset.pipeline]
    steps.insert(2, dict(type='tests.corpus.failing_workers.Deprive', of=of, after=after))
    began = time.monotonic()
    options = (f'train_dataloader.dataset.pipeline={steps}', 'train_dataloader.num_workers=2')
    ended = train(folder, *options)
    assert time.monotonic() - began < 30
    return ended


def a_killed_worker(folder: Path) -> None:
    ended = deprived(folder, 'life', after=5)
    stopped(
        ended,
        'train_dataloader: of its 2 workers, process ',
        'was killed by SIGKILL: by hand or, for want of memory, by the kernel',
        'Saved after iteration ',
        'The same command with --resume goes on from there',
    )
    saved = next((folder / 'w').glob('iter_*.pth'))
    assert str(saved) in ended.err
    again = train(folder, flags=('--resume',))
    assert again.status == 0, again.err
    assert f'{saved}: ' in again.out


def no_memory_in_a_worker(folder: Path) -> None:
    ended = deprived(folder, 'memory')
    stopped(ended, 'train_dataloader: there is no memory for its 2 workers. ', ' GB are free')


def no_memory_for_a_process(folder: Path) -> None:
    def start(process: object) -> None:
        raise OSError(errno.ENOMEM, 'Cannot allocate memory')

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing.process.BaseProcess, 'start', start)
        ended = train(folder, 'train_dataloader.num_workers=2')
    stopped(ended, 'train_dataloader: there is no memory for its 2 workers. ', 'Saved after')


def no_shared_memory(folder: Path) -> None:
    if resource is None:
        pytest.skip('no limits on Windows')
    ended = deprived(folder, 'shared memory')
    stopped(
        ended,
        'its 2 workers hand batches over in shared memory (/dev/shm), which is full',
        'docker run --ipc=host or --shm-size=8g. None is needed with num_workers=0',
    )


def a_batch_that_cannot_be_sent(folder: Path) -> None:
    ended = deprived(folder, 'sending')
    stopped(ended, 'train_dataloader: of its 2 workers, process ', 'ended with status 1')


def a_worker_that_leaves(folder: Path) -> None:
    ended = deprived(folder, 'work')
    stopped(ended, 'train_dataloader: of its 2 workers, process ', 'ended with status 0')


def what_would_fit(folder: Path) -> None:
    """8 workers of 0.5 GB, a batch of 16 images of 0.1 GB each."""
    four = what_fits(10 * GB, 0.5 * GB, 0.1 * GB, 8, 16)
    assert four == (
        '10.0 GB are free for them: what fits is num_workers=4 with this batch of 16, or '
        'batch_size=6 with 8 workers'
    )
    assert 'batch_size=1 with 2 workers' in what_fits(1.5 * GB, 0.5 * GB, 0.1 * GB, 2, 16)
    assert 'num_workers=0 is what fits' in what_fits(0.1 * GB, 0.5 * GB, 0.1 * GB, 2, 16)


# ---- GPUs and processes -------------------------------------------------------------------------


def no_gpu(folder: Path) -> None:
    count = torch.cuda.device_count()
    ended = train(folder, flags=('--gpu-ids', count))
    refused(ended, f'--gpu-ids: there is no GPU {count}: {count} are seen')


def processes(**variables: str) -> Callable[[Path, str, tuple[str, ...]], None]:
    """A training with these variables of a launcher, and no others."""

    def check(folder: Path, launcher: str, texts: tuple[str, ...]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, 'environ', {**os.environ, **variables})
            refused(train(folder, flags=('--launcher', launcher)), *texts)

    return check


TORCHRUN = dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1')


def no_launcher(folder: Path) -> None:
    processes()(folder, 'pytorch', ('--launcher pytorch: RANK is not set', 'torchrun'))


def no_slurm(folder: Path) -> None:
    processes()(folder, 'slurm', ('--launcher slurm: SLURM_PROCID is not set', 'srun'))


def half_a_launcher(folder: Path) -> None:
    processes(RANK='0')(folder, 'pytorch', ('--launcher pytorch: WORLD_SIZE is not set',))


def a_rank_that_is_no_number(folder: Path) -> None:
    check = processes(**{**TORCHRUN, 'RANK': 'first', 'MASTER_PORT': '29500'})
    check(folder, 'pytorch', ("RANK is no number: 'first'",))


def a_port_in_use(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip('joins by nccl')
    with socket.socket() as taken:
        taken.bind(('', 0))
        taken.listen()
        port = taken.getsockname()[1]
        texts = (f'port {port} (MASTER_PORT)', 'is in use', f'torchrun --master_port {port + 1}')
        processes(**TORCHRUN, MASTER_PORT=str(port))(folder, 'pytorch', texts)


def a_port_in_use_by_the_script(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(('', 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        several = dict(NNODES='2', NODE_RANK='0', MASTER_ADDR='127.0.0.1', PORT=port)
        end = subprocess.run(
            ['bash', str(CHECKOUT / 'tools' / 'dist_train.sh'), str(TINY), '2'],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=folder,
            env={**os.environ, 'PYTHON': sys.executable, **several},
        )
    assert end.returncode == 2, end
    assert end.stderr == f'port {port} of this machine is in use: set PORT to another one\n'


# ---- torchvision --------------------------------------------------------------------------------

ERRORS = (
    RuntimeError('operator torchvision::nms does not exist'),
    ModuleNotFoundError("No module named 'torchvision'"),
    NotImplementedError("Could not run 'torchvision::nms' with arguments from the 'CUDA' backend"),
)


def torchvision_that_does_not_fit(folder: Path) -> None:
    for error in ERRORS:

        def build(cfg: object, error: Exception = error) -> None:
            raise error

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr('mmlite.engine.parts.build_detector', build)
            ended = train(folder)
        refused(
            ended, f'torchvision does not fit torch {torch.__version__}: {error}', 'pip install'
        )


def torchvision_by_number(folder: Path) -> None:
    assert install_command('2.6.0+cu124') == (
        "pip install --force-reinstall 'torch==2.6.*' 'torchvision==0.21.*' --index-url "
        'https://download.pytorch.org/whl/cu124'
    )
    assert "'torchvision==0.15.*'" in install_command('2.0.1')
    assert "'torchvision==0.29.2'" in install_command('2.15.0')  # there is no 0.30
    # nothing is counted on from the releases that are known
    assert install_command('2.99.0') == 'pip install --upgrade torch torchvision'


CHECKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    'a worker killed in mid-epoch': ('stopped', a_killed_worker),
    'no memory in a worker': ('stopped', no_memory_in_a_worker),
    'no memory for another process': ('stopped', no_memory_for_a_process),
    'no shared memory': ('stopped', no_shared_memory),
    'a batch that cannot be sent': ('stopped', a_batch_that_cannot_be_sent),
    'a worker that ends as if nothing was wrong': ('stopped', a_worker_that_leaves),
    'how many workers and what batch would fit': ('stopped', what_would_fit),
    'a GPU that is not there': ('refused', no_gpu),
    '--launcher pytorch without torchrun': ('refused', no_launcher),
    '--launcher slurm without srun': ('refused', no_slurm),
    'a launcher that sets half of its variables': ('refused', half_a_launcher),
    'a rank that is no number': ('refused', a_rank_that_is_no_number),
    'a port in use': ('refused', a_port_in_use),
    'a port in use, by dist_train.sh': ('refused', a_port_in_use_by_the_script),
    'torchvision without its operations': ('refused', torchvision_that_does_not_fit),
    'the torchvision that fits': ('refused', torchvision_by_number),
}

CASES = named_cases('environment', CHECKS)
