"""However a run ends, it leaves nothing behind in its process."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import weakref
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook

from mmlite.engine.build import build_runner
from mmlite.engine.process.stop_signals import StoppedBySignal
from tests.runs import CHECKOUT, TINY, shell, tiny


class Trouble(Hook):
    """Goes wrong in the second iteration of a stage."""

    def __init__(self, stage: str, how: str) -> None:
        self.stage = stage
        self.how = how

    def _before_iter(self, runner: object, batch_idx: int, data_batch=None, mode='train') -> None:
        if mode == self.stage and batch_idx == 1:
            if self.how == 'error':
                raise ZeroDivisionError
            os.kill(os.getpid(), signal.SIGTERM)


ENDS = [('train', 'error'), ('train', 'signal'), ('val', 'error'), ('val', 'signal'), ('', '')]


@pytest.mark.parametrize(('stage', 'how'), ENDS)
@pytest.mark.parametrize('persistent', [True, False])
def test_workers_handlers_and_the_model_are_let_go(
    tmp_path: Path, stage: str, how: str, persistent: bool
) -> None:
    loader = dict(num_workers=1, persistent_workers=persistent, batch_size=3)
    options = {f'{s}_dataloader__{k}': v for s in ('train', 'val') for k, v in loader.items()}
    handlers = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
    runner = build_runner(tiny(tmp_path, train_cfg__max_epochs=1, **options))
    runner.register_hook(Trouble(stage, how), 'VERY_HIGH')
    others = multiprocessing.active_children()
    caught = None
    try:
        runner.train()
    except (ZeroDivisionError, StoppedBySignal) as error:
        caught = error  # with its traceback, which holds on to the loop's iterator
    assert (caught is not None) == bool(how)
    assert [p for p in multiprocessing.active_children() if p not in others] == []
    assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert not runner.model._forward_hooks
    model = weakref.ref(runner.model.module)
    del runner, caught
    gc.collect()
    assert model() is None


MEMORY = """
import gc, sys
from mmlite.cli.train import main
from mmlite.engine.hooks.memory import host_memory

for number in range(6):
    assert main([sys.argv[1], '--work-dir', f'w{number}', '--no-validate']) == 0
    gc.collect()
    print('MiB', host_memory())
"""


def test_a_second_run_begins_with_the_memory_of_the_first(tmp_path: Path) -> None:
    (tmp_path / 'runs.py').write_text(MEMORY)
    ended = shell([tmp_path / 'runs.py', TINY], cwd=tmp_path, PYTHONPATH=str(CHECKOUT))
    assert ended.status == 0, ended.err
    used = [float(line.split()[1]) for line in ended.out.splitlines() if line.startswith('MiB')]
    assert len(used) == 6
    # the first run brings in the modules; after that next to nothing is left of each
    assert used[5] - used[1] < 8, used


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason='this torch has no gloo')
@pytest.mark.parametrize('failing', [False, True])
def test_the_process_group_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: bool
) -> None:
    from mmlite.cli import train

    for name, value in dict(RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR='127.0.0.1').items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv('MASTER_PORT', '0')
    if failing:
        monkeypatch.setattr('mmlite.engine.parts.check_config', lambda *_: 1 / 0)
    args = [str(TINY), '--launcher', 'pytorch', '--work-dir', str(tmp_path), '--no-validate']
    if failing:
        with pytest.raises(ZeroDivisionError):
            train.main(args)
    else:
        assert train.main(args) == 0
    assert not torch.distributed.is_initialized()
