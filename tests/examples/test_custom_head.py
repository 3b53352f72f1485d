"""The example head trains and tests through the unchanged tools."""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SMALL = [
    'train_dataloader.dataset.num_train=8',
    'train_dataloader.dataset.num_test=4',
    'val_dataloader.dataset.num_train=8',
    'val_dataloader.dataset.num_test=4',
    'test_dataloader.dataset.num_train=8',
    'test_dataloader.dataset.num_test=4',
    'train_dataloader.batch_size=4',
    'train_cfg.max_epochs=1',
]


def run(tool: str, *args: str, cache: Path) -> str:
    done = subprocess.run(
        [sys.executable, CHECKOUT / 'tools' / tool, *args],
        capture_output=True,
        text=True,
        env={**os.environ, 'MMLITE_CACHE': str(cache)},
        cwd=cache,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_trains_and_tests(tmp_path: Path) -> None:
    config = str(CHECKOUT / 'examples/custom_head/tower_demo.py')
    work_dir = tmp_path / 'run'
    common = ['--work-dir', str(work_dir), '--cfg-options', *SMALL]
    log = run('train.py', config, *common, cache=tmp_path)
    assert 'loss_bbox' in log
    assert 'TowerHead' in (work_dir / 'tower_demo.py').read_text()
    out = run('test.py', config, str(work_dir / 'epoch_1.pth'), *common, cache=tmp_path)
    assert out.splitlines()[-1].startswith('pascal_voc/mAP: ')
