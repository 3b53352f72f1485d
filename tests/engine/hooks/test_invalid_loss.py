from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mmlite.engine.build import build_runner
from mmlite.engine.hooks import CheckInvalidLossHook, NonFiniteLossError
from mmlite.registry import HEADS
from tests.runs import Watch, equal, tiny


@HEADS.register_module()
class HeadThatFails(HEADS.get('SSDHead')):
    """Its box loss is NaN in the third iteration."""

    iteration = 0

    def loss_terms(self, *args: object) -> dict[str, Tensor]:
        losses = super().loss_terms(*args)
        self.iteration += 1
        if self.iteration == 3:
            losses['loss_bbox'] = losses['loss_bbox'] * float('nan')
        return losses


def test_the_run_stops_before_the_step(tmp_path: Path) -> None:
    runner = build_runner(tiny(tmp_path, model__bbox_head__type='HeadThatFails'))
    watch = Watch()
    runner.register_hook(watch)
    with pytest.raises(NonFiniteLossError) as info:
        runner.train()
    message = str(info.value)
    assert 'loss_bbox = nan' in message
    assert 'loss_cls = nan' not in message
    assert 'epoch 1, iteration 3' in message
    assert message.count('.jpg') == 4  # the files of the batch
    assert len(watch.weights) == 2
    assert equal(watch.weights[-1], dict(runner.model.module.named_parameters()))


class Toy(nn.Module):
    def __init__(self, losses: object) -> None:
        super().__init__()
        self.losses = losses

    def forward(self) -> object:
        return self.losses


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_infinite_is_not_finite(value: float) -> None:
    hook = CheckInvalidLossHook()
    with pytest.raises(NonFiniteLossError, match='loss_b = '):
        hook._look(Toy(None), (), dict(loss_a=torch.ones(()), loss_b=torch.tensor(value)))


@pytest.mark.parametrize('losses', [[1], {}, dict(a=torch.ones(2) / 0), dict(a=1.0)])
def test_what_is_no_loss_is_left_to_the_train_step(losses: object) -> None:
    CheckInvalidLossHook()._look(Toy(None), (), losses)


def test_in_testing_nothing_is_looked_at() -> None:
    CheckInvalidLossHook()._look(Toy(None).eval(), (), dict(loss=torch.tensor(float('nan'))))
