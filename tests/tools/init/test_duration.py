from __future__ import annotations

import pytest

from mmlite.config import load_config
from mmlite.tools.init import duration
from tests.runs import CHECKOUT


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [
        (3, 'about 1 minute'),
        (89, 'about 1 minute'),
        (91, 'about 2 minutes'),
        (7199, 'about 120 minutes'),
        (9000, 'about 2 hours'),  # 2.5, rounded to even
    ],
)
def test_in_words(seconds, words):
    assert duration.in_words(seconds) == words


def test_the_time_is_that_of_all_steps(monkeypatch):
    monkeypatch.setattr(duration, '_step_seconds', lambda model, batch: 15.0)
    cfg = load_config(CHECKOUT / 'tests/tiny_ssd.py')
    images = len(duration.Parts(cfg).train_set)
    steps = 3 * -(-images // cfg.train_dataloader.batch_size)
    said = duration.training_time(cfg, 3)
    assert said == f'about {steps / 4:.0f} minutes on this machine: a step takes 15 s'


def test_a_step_takes_time():
    said = duration.training_time(load_config(CHECKOUT / 'tests/tiny_ssd.py'), 1)
    assert said.startswith('about 1 minute on this machine') and 'takes 0 s' not in said
