from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook

from mmlite.engine.build import build_runner
from mmlite.engine.hooks.early_stopping import EarlyStoppingHook
from mmlite.engine.runner import Runner
from mmlite.errors import ArgumentError, ConfigError
from mmlite.registry import HOOKS
from tests.runs import log, tiny

SCORES = (0.5, 0.6, 0.6, 0.55, 0.9)  # of epochs 1 to 5; without progress after the second


@HOOKS.register_module()
class SaysScores(Hook):
    """Puts SCORES into the metrics, by epoch."""

    priority = 'HIGHEST'

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        metrics['score'] = SCORES[runner.epoch - 1]


def stopping(**args: object) -> EarlyStoppingHook:
    return EarlyStoppingHook(**{'monitor': 'mAP', 'patience': 2, **args})


def validated(hook: EarlyStoppingHook, scores: Sequence[float]) -> tuple[int, str]:
    """Returns after how many validations the hook stops (0: never), and what it says."""
    said: list[str] = []
    loop = SimpleNamespace(stop_training=False)
    logger = SimpleNamespace(info=said.append)
    for count, score in enumerate(scores, 1):
        runner = SimpleNamespace(train_loop=loop, logger=logger, epoch=count, iter=3 * count)
        hook.after_val_epoch(runner, {hook.monitor: score})
        if loop.stop_training:
            return count, said[0]
    return 0, ''


def test_it_stops_when_patience_is_at_an_end_and_says_why() -> None:
    # 0.505 is better than 0.5, but not by 0.01; then 0.52 is; then two are not
    count, said = validated(stopping(), [0.5, 0.505, 0.52, 0.529, 0.4, 0.9])
    assert count == 5
    assert 'Training stops after 5 epochs, 15 iterations' in said
    assert 'mAP: best 0.52, 2 validations since, patience 2' in said


@pytest.mark.parametrize(
    ('args', 'scores', 'stops_after'),
    [
        (dict(), [0.1, 0.2, 0.3, 0.4], 0),
        (dict(monitor='val_loss'), [4, 3, 3.5, 3, 2], 4),  # less is better
        (dict(rule='less'), [0.1, 0.2, 0.3], 3),
        (dict(min_delta=0.3), [0.1, 0.2, 0.3], 3),
        (dict(stopping_threshold=0.3), [0.1, 0.2, 0.31, 0.4], 3),
        (dict(), [0.1, float('nan'), 0.3], 2),
        (dict(check_finite=False), [0.1, float('inf'), 0.3], 0),
        (dict(), [torch.tensor(0.1), torch.tensor(0.1), torch.tensor(0.1)], 3),
    ],
)
def test_when_it_stops(args: dict, scores: list, stops_after: int) -> None:
    assert validated(stopping(**args), scores)[0] == stops_after


def test_a_metric_that_is_not_there() -> None:
    with pytest.raises(ConfigError) as info:
        stopping(monitor='mAp').after_val_epoch(None, dict(mAP=0.5, val_loss=2.0))
    message = "monitor: there is no metric 'mAp'. Did you mean 'mAP'? There are: mAP, val_loss"
    assert message in str(info.value)


def test_what_cannot_be_used() -> None:
    with pytest.raises(ConfigError, match='Cannot infer the rule for speed'):
        stopping(monitor='speed')
    with pytest.raises(ConfigError, match='"greater" or "less", but got more'):
        stopping(rule='more')
    with pytest.raises(ArgumentError, match="takes no argument 'patence'"):
        HOOKS.build(dict(type='EarlyStoppingHook', monitor='mAP', patence=1), at='h')


def test_the_state_is_plain_data_and_goes_on_in_a_resumed_run_only() -> None:
    hook, checkpoint = stopping(patience=3), {}
    validated(hook, [0.5, 0.7, 0.6, 0.6])
    hook.before_save_checkpoint(None, checkpoint)
    assert checkpoint == dict(early_stopping=dict(best_score=0.7, wait_count=2))
    resumed, fresh = stopping(patience=3), stopping(patience=3)
    resumed.after_load_checkpoint(SimpleNamespace(_resume=True), checkpoint)
    assert validated(resumed, [0.6, 0.9])[0] == 1  # the third without progress
    fresh.after_load_checkpoint(SimpleNamespace(_resume=False), checkpoint)
    assert validated(fresh, [0.6, 0.9])[0] == 0
    stopping().after_load_checkpoint(SimpleNamespace(_resume=True), {})  # of a run without it


def test_another_metric_begins_again() -> None:
    hook, checkpoint, said = stopping(patience=3), dict(meta={}), []
    validated(hook, [0.5, 0.7, 0.6, 0.6])
    hook.before_save_checkpoint(None, checkpoint)
    assert checkpoint['meta'] == dict(monitored=[hook.monitor, hook.rule])
    other = EarlyStoppingHook(monitor='val_loss', patience=3)
    runner = SimpleNamespace(_resume=True, logger=SimpleNamespace(warning=said.append))
    other.after_load_checkpoint(runner, checkpoint)
    assert (other.wait_count, other.rule) == (0, 'less')
    assert said[0].startswith('EarlyStoppingHook counts from 0: it monitors val_loss (less), and ')


def run(work_dir: Path, **overrides: object) -> Runner:
    stopping = dict(type='EarlyStoppingHook', monitor='score', rule='greater', patience=2)
    hooks = [dict(type='SaysScores'), stopping]
    runner = build_runner(
        tiny(work_dir, custom_hooks=hooks, **{'train_cfg__max_epochs': 5, **overrides})
    )
    runner.train()
    return runner


def test_a_resumed_run_stops_where_the_other_one_did(tmp_path: Path) -> None:
    # epochs 3 and 4 bring nothing
    whole = run(tmp_path)
    assert whole.epoch == 4
    assert 'Training stops after 4 epochs, 12 iterations' in log(tmp_path)
    saved = torch.load(tmp_path / 'epoch_3.pth', weights_only=True)['early_stopping']
    assert saved == dict(best_score=0.6, wait_count=1)  # with the validation of this epoch
    resumed = run(tmp_path, resume=True, load_from=str(tmp_path / 'epoch_3.pth'))
    assert resumed.epoch == 4


def test_a_run_that_was_stopped_stays_so(tmp_path: Path) -> None:
    run(tmp_path)
    again = run(tmp_path, resume=True, load_from=str(tmp_path / 'epoch_4.pth'))
    assert again.epoch == 4
    assert 'the run that is resumed was stopped' in log(tmp_path)


def test_it_does_not_hinder_a_test(tmp_path: Path) -> None:
    hooks = [dict(type='EarlyStoppingHook', monitor='mAP')]
    assert 'pascal_voc/mAP' in build_runner(tiny(tmp_path, custom_hooks=hooks), 'test').test()
