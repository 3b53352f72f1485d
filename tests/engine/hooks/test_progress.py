"""One bar at a time: which, how much of it is done, and that it ends."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from mmlite.engine.hooks import ProgressHook


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[ProgressHook, list[tuple]]:
    """A hook on a terminal, and the bars that it starts."""
    monkeypatch.setattr(sys, 'stderr', Terminal())
    hook, started = ProgressHook(), []
    monkeypatch.setattr(hook, '_start', lambda *given: started.append(given))
    return hook, started


def test_a_resumed_epoch_counts_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    hook, started = watched(monkeypatch)
    loop = SimpleNamespace(done_in_epoch=4)
    runner = SimpleNamespace(train_loop=loop, epoch=1, max_epochs=3, train_dataloader=range(10))
    hook.before_train_epoch(runner)
    assert started == [('epoch 2/3', 6, 0)]


def test_the_bar_advances_and_ends() -> None:
    """By the names that mmengine calls, for each kind of iteration."""
    hook, advanced = ProgressHook(), []
    hook._advance = advanced.append
    runner = SimpleNamespace(_train_loop=None)
    hook.after_train_iter(runner, 0)
    hook.after_val_iter(runner, 0)
    assert advanced == [1, 1]
    hook.after_train_epoch(runner)
    assert hook._advance is None


def test_iterations_have_one_bar_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    hook, started = watched(monkeypatch)
    loop = dict(by_epoch=False, max_iters=9)
    runner = SimpleNamespace(_train_loop=loop, iter=4, max_iters=9, val_dataloader=range(2))
    hook.before_train_epoch(runner)
    hook.before_val_epoch(runner)
    hook.after_val_epoch(runner)
    assert started == [('training', 9, 4), ('validation', 2), ('training', 9, 4)]


def test_a_training_into_a_file_has_its_log_and_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    hook, started = watched(monkeypatch)
    monkeypatch.setattr(sys, 'stderr', io.StringIO())
    runner = SimpleNamespace(
        train_loop=SimpleNamespace(done_in_epoch=0),
        epoch=0,
        max_epochs=1,
        train_dataloader=range(3),
        val_dataloader=range(2),
    )
    hook.before_train_epoch(runner)
    hook.before_val_epoch(runner)
    assert started == [('validation', 2)]
