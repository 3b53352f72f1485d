from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch

from mmlite.checkpoints.file import read_checkpoint, write_checkpoint
from mmlite.support.files import DiskFullError, remove_unfinished, whole_file, write_text


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    write_text(path, 'old')
    with whole_file(path) as file:
        file.write(b'new')
        assert path.read_text() == 'old'
    assert path.read_text() == 'new'
    assert os.listdir(tmp_path) == ['a.txt']


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / 'a.txt'
    write_text(path, 'old')
    with pytest.raises(ZeroDivisionError), whole_file(path) as file:
        file.write(b'half of the')
        raise ZeroDivisionError
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == ['a.txt']


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    for name in ('.epoch_1.pth.unfinished.123', 'epoch_1.pth', '.hidden'):
        (tmp_path / name).write_text('x')
    remove_unfinished(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ['.hidden', 'epoch_1.pth']


resource = pytest.importorskip('resource', reason='limits the size of files; not on Windows')


@pytest.fixture
def small_disk():
    """The kernel refuses to write more than 64 KiB into a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, small_disk: None) -> None:
    path = tmp_path / 'epoch_1.pth'
    write_checkpoint(dict(weight=torch.ones(10)), path)
    with pytest.raises(DiskFullError, match=r'epoch_1\.pth cannot be written: File too large'):
        write_checkpoint(dict(weight=torch.zeros(100_000)), path)  # 400 kB
    assert torch.equal(read_checkpoint(path)['weight'], torch.ones(10))
    assert os.listdir(tmp_path) == ['epoch_1.pth']


def test_other_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / 'no' / 'folder'):
        pass
    with pytest.raises(OSError, match='Input/output') as info, whole_file(tmp_path / 'a'):
        raise OSError(errno.EIO, 'Input/output error')
    assert not isinstance(info.value, DiskFullError)
