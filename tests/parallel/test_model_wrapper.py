from __future__ import annotations

import pytest
import torch

from mmlite.parallel.model_wrapper import parse_losses


def test_total_is_the_sum_of_all_and_logs_have_no_gradient() -> None:
    weight = torch.tensor(3.0, requires_grad=True)
    total, log_vars = parse_losses({'loss_cls': 2 * weight, 'centerness': weight + 1})
    assert total.item() == 10  # 2 * 3 + (3 + 1); a name without 'loss' counts too
    total.backward()
    assert weight.grad.item() == 3
    assert {key: value.item() for key, value in log_vars.items()} == {
        'loss': 10,
        'loss_cls': 6,
        'centerness': 4,
    }
    assert not any(value.requires_grad for value in log_vars.values())


def test_a_single_loss_of_the_name_loss() -> None:
    total, log_vars = parse_losses({'loss': torch.tensor(2.0)})
    assert (total.item(), log_vars) == (2, {'loss': torch.tensor(2.0)})


@pytest.mark.parametrize(
    ('losses', 'message'),
    [
        ([{'scores': 1}], 'returns a dict of losses'),
        ({}, 'returns a dict of losses'),
        ({'loss_cls': 1.0}, r"loss 'loss_cls': a scalar tensor is expected, found 1\.0"),
        ({'loss_cls': [torch.tensor(1.0)]}, "loss 'loss_cls': a scalar tensor"),
        ({'loss_cls': torch.ones(2)}, r"loss 'loss_cls': .* found shape \(2,\)"),
    ],
)
def test_anything_else_is_a_type_error(losses, message) -> None:
    with pytest.raises(TypeError, match=message):
        parse_losses(losses)
