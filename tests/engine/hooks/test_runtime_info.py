from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmlite.checkpoints.file import read_checkpoint
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import RuntimeInfoHook
from tests.runs import scalars, tiny

LOGGED = ('loss', 'loss_cls', 'loss_bbox', 'grad_norm')
RUN = dict(
    val_dataloader=None,
    val_evaluator=None,
    optim_wrapper__clip_grad=dict(max_norm=1.0),
    train_cfg__max_epochs=2,
)


def trained(work_dir: Path, interval: int, monkeypatch: pytest.MonkeyPatch, late: bool) -> list:
    """Trains, and returns how many iterations were read at a time."""
    read, counts = RuntimeInfoHook._read, []

    def counting(self: RuntimeInfoHook, runner: object) -> None:
        counts.append(len(self._unread))
        read(self, runner)

    monkeypatch.setattr(RuntimeInfoHook, '_read', counting)
    if late:  # the CPU is taken for a device that is not to be waited for
        monkeypatch.setattr(
            'mmlite.engine.hooks.runtime_info.is_read_at_once', lambda values: False
        )
    build_runner(
        tiny(
            work_dir,
            **RUN,
            default_hooks__logger__interval=interval,
            default_hooks__checkpoint__snapshot_interval=4,
        )
    ).train()
    return counts


@pytest.mark.parametrize('interval', [3, 50])
def test_the_log_and_the_checkpoint_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interval: int
) -> None:
    with monkeypatch.context() as patch:
        at_once = trained(tmp_path / 'at_once', interval, patch, late=False)
    with monkeypatch.context() as patch:
        late = trained(tmp_path / 'late', interval, patch, late=True)
    assert set(at_once) == {1}
    assert sum(late) == sum(at_once)
    assert max(late) > 1
    lines = [
        [{key: line.get(key) for key in LOGGED} for line in scalars(tmp_path / name)]
        for name in ('at_once', 'late')
    ]
    assert lines[0] == lines[1]
    assert all(line['grad_norm'] > 0 for line in lines[0])
    for file in sorted((tmp_path / 'at_once').glob('*.pth')):
        histories = [
            read_checkpoint(tmp_path / name / file.name)['message_hub']['log_scalars']
            for name in ('at_once', 'late')
        ]
        for key in LOGGED:
            one, other = (history[f'train/{key}']['log_history'] for history in histories)
            assert torch.equal(one, other), (file.name, key)
