"""How often a training validates does not change what it learns."""

from __future__ import annotations

from mmlite.engine.build import build_runner
from tests.runs import equal, tiny, weights


def test_weights_are_the_same_however_often_a_training_validates(tmp_path):
    for name, interval in (('often', 1), ('once', 2)):
        build_runner(tiny(tmp_path / name, train_cfg__val_interval=interval)).train()
    assert equal(weights(tmp_path / 'often'), weights(tmp_path / 'once'))
