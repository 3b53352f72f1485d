from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from mmlite.engine.resuming.run_state import process_state, put_buffers_back
from mmlite.models.heads.level_weights import LevelWeights

POS = torch.tensor([[True, True, True, True, False, False], [False] * 6])


def test_levels_with_few_positives_count_up_to_twice() -> None:
    weights = LevelWeights(3)
    # 3, 1 and 0 positives: 2 - (n - 0) / (3 - 0)
    found = weights(POS, [3, 1, 2])
    torch.testing.assert_close(found, torch.tensor([1, 1, 1, 5 / 3, 2, 2]))


def test_a_run_that_is_resumed_has_its_counts() -> None:
    run, resumed = (nn.ModuleDict(dict(head=LevelWeights(3))) for _ in range(2))
    run['head'](POS, [3, 1, 2])
    assert run.state_dict() == {}  # mmdet's files have no such key
    state = process_state(run, SimpleNamespace(should_update=lambda: True))
    assert state['buffers'].keys() == {'head.positives'}
    put_buffers_back(resumed, state['buffers'])
    assert resumed['head'].positives.tolist() == [3, 1, 0]


def test_a_file_without_counts_leaves_them() -> None:
    weights = LevelWeights(3)
    put_buffers_back(weights, {})
    assert weights.positives.tolist() == [0, 0, 0]
