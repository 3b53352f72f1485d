"""What the cases on configs, checkpoints, work dirs and the environment share."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from tests.runs import TINY, Ended, cli

# an epoch of three iterations, without validation
SHORT = ('--no-validate', '--cfg-options', 'train_cfg.max_epochs=1')


def train(folder: Path, *options: object, config: Path = TINY, flags: tuple = ()) -> Ended:
    """Trains for an epoch into `w` of a case's folder."""
    return cli('train', config, '--work-dir', folder / 'w', *flags, *SHORT, *options)


def run_test(folder: Path, checkpoint: Path, *options: object, flags: tuple = ()) -> Ended:
    args = ('test', TINY, checkpoint, '--work-dir', folder / 'w', *flags)
    return cli(*args, *(('--cfg-options', *options) if options else ()))


def refused(ended: Ended, *texts: str) -> None:
    """Status 2, and one message that holds these texts."""
    answered(ended, 2, texts)


def stopped(ended: Ended, *texts: str) -> None:
    """Status 1, and one message that holds these texts."""
    answered(ended, 1, texts)


def answered(ended: Ended, status: int, texts: tuple[str, ...]) -> None:
    assert ended.status == status, ended
    assert 'Traceback' not in ended.err
    assert ended.err.count('train: ') + ended.err.count('test: ') == 1, ended.err
    for text in texts:
        assert text in ended.err, ended.err


@functools.cache
def trained() -> bytes:
    """A checkpoint of the tiny config after an epoch."""
    with tempfile.TemporaryDirectory() as folder:
        assert train(Path(folder)).status == 0
        return (Path(folder) / 'w' / 'epoch_1.pth').read_bytes()


def checkpoint(folder: Path, name: str = 'epoch_1.pth') -> Path:
    """Writes that checkpoint into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(trained())
    return path
