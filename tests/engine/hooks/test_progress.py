"""While the bar is shown, log lines are printed above it; afterwards where they were before."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import pytest
from mmengine.logging import MMLogger

from mmlite.engine.hooks import ProgressHook


def stream_of_the_log() -> object:
    return next(
        handler.stream
        for handler in MMLogger.get_current_instance().handlers
        if type(handler) is logging.StreamHandler
    )


def test_the_log_goes_past_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    monkeypatch.setenv('FORCE_COLOR', '1')  # rich takes this for a terminal
    MMLogger.get_instance('progress')
    before = sys.stdout
    hook = ProgressHook()
    hook._start('epoch 1/2', 10)
    try:
        assert stream_of_the_log() is sys.stdout is not before
    finally:
        hook._stop()
    assert stream_of_the_log() is sys.stdout is before


def test_a_resumed_epoch_counts_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    hook, started = ProgressHook(), []
    monkeypatch.setattr(hook, '_start', lambda *given: started.append(given))
    loop = SimpleNamespace(done_in_epoch=4)
    runner = SimpleNamespace(train_loop=loop, epoch=1, max_epochs=3, train_dataloader=range(10))
    hook.before_train_epoch(runner)
    assert started == [('epoch 2/3', 6)]


def test_the_bar_advances_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that mmengine calls, for each kind of iteration."""
    hook, advanced = ProgressHook(), []
    hook._progress = SimpleNamespace(advance=advanced.append, stop=lambda: None)
    runner = SimpleNamespace(_train_loop=None)
    hook.after_train_iter(runner, 0)
    hook.after_val_iter(runner, 0)
    assert len(advanced) == 2
    hook.after_train_epoch(runner)
    assert hook._progress is None


def test_iterations_have_one_bar_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    hook, started = ProgressHook(), []
    monkeypatch.setattr(hook, '_start', lambda *given: started.append(given))
    loop = dict(by_epoch=False, max_iters=9)
    runner = SimpleNamespace(_train_loop=loop, iter=4, max_iters=9, val_dataloader=range(2))
    hook.before_train_epoch(runner)
    hook.before_val_epoch(runner)
    hook.after_val_epoch(runner)
    assert started == [('training', 9, 4), ('validation', 2), ('training', 9, 4)]
