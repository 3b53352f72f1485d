"""The demo configs of the examples, made short: one epoch of a few drawn pictures."""

from __future__ import annotations

from pathlib import Path

from tests.runs import CHECKOUT, cli

EXAMPLES = CHECKOUT / 'examples'
LOADERS = ('train', 'val', 'test')
SHORT = [
    *(f'{loader}_dataloader.num_workers=0' for loader in LOADERS),
    *('train_dataloader.persistent_workers=False', 'train_cfg.max_epochs=1'),
    *('train_cfg.val_interval=1', 'default_hooks.pictures=None'),
]
FEW_DRAWN = [
    'train_dataloader.batch_size=4',
    *(f'{loader}_dataloader.dataset.num_train=8' for loader in LOADERS),
    *(f'{loader}_dataloader.dataset.num_test=4' for loader in LOADERS),
]


def train_and_test(config: Path, work_dir: Path, *flags: object, options: list[str]) -> list[str]:
    """Runs both command lines; returns the lines that the test prints."""
    common = [*flags, '--work-dir', work_dir, '--cfg-options', *SHORT, *options]
    trained = cli('train', config, *common)
    assert trained.status == 0, trained.err
    tested = cli('test', config, work_dir / 'epoch_1.pth', *common)
    assert tested.status == 0, tested.err
    return tested.out.splitlines()
