"""What a work dir holds, and what of it nothing needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.engine.process.disk_use import as_text, parts_of, summary
from mmlite.errors import DataError
from tests.runs import cli


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    folder = tmp_path / 'w'
    for name, size in {
        'epoch_6.pth': 2_000_000,
        'epoch_7.pth': 1_000_000,
        'epoch_8.pth': 4_000_000,
        'best_mAP_epoch_5.pth': 1_500_000,
        'mine.pth': 300_000,
        '20260101_000000/vis_data/scalars.json': 200_000,
        'black_box/iter_3/state.pth': 500_000,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b'0' * size)
    (folder / 'last_checkpoint').write_text('epoch_8.pth', encoding='utf-8')
    return folder


def test_the_parts_of_a_work_dir(work_dir: Path) -> None:
    found = {part.what.split(':')[0]: part for part in parts_of(work_dir)}
    names = {what: [path.name for path in part.paths] for what, part in found.items()}
    assert names == {
        'the last checkpoint': ['epoch_8.pth'],
        'the weights of the best validation': ['best_mAP_epoch_5.pth'],
        'logs, curves, results': ['20260101_000000'],
        'other files': ['last_checkpoint', 'mine.pth'],
        'older checkpoints': ['epoch_6.pth', 'epoch_7.pth'],
        'steps with a NaN': ['black_box'],
    }
    assert {what for what, part in found.items() if not part.is_needed} == {
        'older checkpoints', 'steps with a NaN',
    }  # fmt: skip
    assert found['older checkpoints'].size == 3_000_000
    assert found['other files'].size == 300_000 + len('epoch_8.pth')


def test_the_summary_is_one_line(work_dir: Path) -> None:
    # 2 + 1 + 4 + 1.5 + 0.3 + 0.2 + 0.5 MB
    assert summary(work_dir) == (
        f'{work_dir}: 9.5 MB; 3.0 MB of it may be deleted: epoch_6.pth, epoch_7.pth (older '
        'checkpoints: only to go back to them); 0.5 MB of it may be deleted: black_box (steps with '
        'a NaN: replay reads them). default_hooks.checkpoint.max_keep_ckpts=1 keeps only the last'
    )
    for name in ('epoch_6.pth', 'epoch_7.pth'):
        (work_dir / name).unlink()
    (work_dir / 'black_box' / 'iter_3' / 'state.pth').unlink()
    (work_dir / 'black_box' / 'iter_3').rmdir()
    (work_dir / 'black_box').rmdir()
    assert summary(work_dir) == f'{work_dir}: 6.0 MB'


def test_checkpoints_that_out_dir_has_put_elsewhere(work_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / 'other' / 'w'
    other.mkdir(parents=True)
    for name in ('epoch_6.pth', 'epoch_7.pth', 'epoch_8.pth'):
        (work_dir / name).rename(other / name)
    (work_dir / 'last_checkpoint').write_text('../other/w/epoch_8.pth', encoding='utf-8')
    found = {part.what.split(':')[0]: part for part in parts_of(work_dir)}
    assert found['the last checkpoint'].size == 4_000_000
    assert [path.name for path in found['older checkpoints'].paths] == [
        'epoch_6.pth',
        'epoch_7.pth',
    ]


def test_a_folder_that_no_run_has_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no run has written it: it has neither last_checkpoint'):
        parts_of(tmp_path)


def test_sizes_as_text() -> None:
    assert [as_text(n) for n in (0, 12_000, 99_400, 99_600, 3_000_000, 488e6)] == [
        '0 kB', '12 kB', '99 kB', '0.1 MB', '3.0 MB', '488 MB',
    ]  # fmt: skip


def test_the_command_prints_how_to_delete(work_dir: Path) -> None:
    ended = cli('cache', '--work-dir', work_dir)
    assert ended.status == 0
    names = ('epoch_6.pth', 'epoch_7.pth', 'black_box')
    assert f'rm -r {" ".join(str(work_dir / name) for name in names)}' in ended.out
    assert '4.0 MB  -               the last checkpoint: --resume' in ended.out
