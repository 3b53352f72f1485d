from __future__ import annotations

from types import SimpleNamespace

import pytest

from mmlite.engine.hooks import NumClassCheckHook
from mmlite.errors import ConfigError


def test_head_and_data_must_agree() -> None:
    """The head has 2 classes; training data have 2, validation data 3."""
    model = SimpleNamespace(bbox_head=SimpleNamespace(num_classes=2))

    def loader(*classes: str) -> SimpleNamespace:
        return SimpleNamespace(dataset=SimpleNamespace(metainfo=dict(classes=classes)))

    runner = SimpleNamespace(
        model=SimpleNamespace(module=model),
        train_dataloader=loader('a', 'b'),
        val_dataloader=loader('a', 'b', 'c'),
    )
    hook = NumClassCheckHook()
    hook.before_train_epoch(runner)
    with pytest.raises(ConfigError, match=r'num_classes is 2, val_dataloader\.dataset has 3'):
        hook.before_val_epoch(runner)
