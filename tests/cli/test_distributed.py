from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.runs import CHECKOUT, TINY, Ended, equal, shell

PLUGIN = """
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmlite.registry import HOOKS

@HOOKS.register_module()
class KeepWeights(Hook):
    def after_val_epoch(self, runner, metrics=None):
        state = runner.model.module.state_dict()
        torch.save(state, f'{runner.work_dir}/rank{get_rank()}.pth')
"""

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_gloo_available() or torch.cuda.is_available(),
    reason='two processes on CPUs, by gloo',
)


@pytest.fixture(scope='module')
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    folder = tmp_path_factory.mktemp('both')
    (folder / 'keep_weights.py').write_text(PLUGIN)
    ended = shell(
        [
            *('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', 2),
            *(CHECKOUT / 'tools/train.py', TINY, '--launcher', 'pytorch', '--work-dir', 'w'),
            *('--plugin', 'keep_weights.py', '--cfg-options', 'train_cfg.max_epochs=1'),
            "custom_hooks=[dict(type='KeepWeights')]",
        ],
        cwd=folder,
    )
    return ended, folder / 'w'


def test_two_processes_train_one_model(both: tuple[Ended, Path]) -> None:
    ended, work_dir = both
    assert ended.status == 0, ended.err
    saved, first, second = (
        torch.load(work_dir / name, weights_only=True)
        for name in ('epoch_1.pth', 'rank0.pth', 'rank1.pth')
    )
    # batch norm's statistics too: else the second process would validate another model
    assert equal(first, second)
    assert equal(first, saved['state_dict'])
    assert saved['meta']['iter'] == 2  # 12 images, 4 in a batch of each process: 8 and 4


def test_one_of_them_speaks_and_writes(both: tuple[Ended, Path]) -> None:
    ended, work_dir = both
    assert 'CPU x 2' in ended.out
    for line in ('Epoch(train) [1][2/2]', 'Saving checkpoint at 1 epochs', 'Epoch(val) [1][1/1]'):
        assert ended.out.count(line) == 1
    assert len(list(work_dir.glob('*/*.log'))) == 1
    rows = re.findall(r'\| (square|triangle|cross|ring|hourglass) +\| +(\d+)', ended.out)
    assert sum(int(gts) for _, gts in rows) == 36  # each image counts once
