from __future__ import annotations

import math
import weakref

import pytest
import torch
from torch import Tensor, nn

from mmlite.config import load_config
from mmlite.engine.black_box.layer_stats import (
    LayerStats,
    LayerWatch,
    first_beyond,
    stats_table,
)
from mmlite.models import build_detector
from tests.runs import TINY

NAN, INF = float('nan'), float('inf')


class Says(nn.Module):
    """Puts out what it was made with, whatever comes in."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output

    def forward(self, x: Tensor) -> object:
        return self.output


def watched(output: object) -> list[LayerStats]:
    with LayerWatch(nn.Sequential(Says(output))) as watch:
        watch._model(torch.zeros(1))
    return watch.stats


def layer(name: str, low: float, high: float, num_nonfinite: int = 0) -> LayerStats:
    return LayerStats(name, 'Conv2d', (1, 2), 0.0, 1.0, low, high, num_nonfinite)


def test_the_figures_of_a_layer() -> None:
    # mean (1 + 2 + 3 - 2) / 4 = 1; variance (0 + 1 + 4 + 9) / 4 = 3.5
    [stats] = watched(torch.tensor([[1.0, 2.0], [3.0, -2.0]]))
    assert stats == LayerStats('0', 'Says', (2, 2), 1.0, 3.5, -2.0, 3.0, 0)
    assert stats.peak == 3


def test_values_that_are_not_finite_are_counted_and_left_out() -> None:
    [stats] = watched(torch.tensor([1.0, NAN, 5.0, INF, -INF]))
    # mean (1 + 5) / 2 = 3; variance (4 + 4) / 2 = 4
    assert stats == LayerStats('0', 'Says', (5,), 3.0, 4.0, 1.0, 5.0, 3)
    [stats] = watched(torch.tensor([NAN, INF]))
    assert math.isnan(stats.mean)
    assert math.isnan(stats.max)
    assert stats.num_nonfinite == 2


def test_half_precision_is_summed_in_single() -> None:
    # 300^2 * 1000 is above float16's 65504
    [stats] = watched(torch.tensor([300.0, -300.0] * 500, dtype=torch.float16))
    assert stats.mean == pytest.approx(0, abs=1e-6)
    assert stats.var == 90000


@pytest.mark.parametrize(
    'output', [torch.tensor(1.0), torch.zeros(0, 4), torch.ones(2, dtype=torch.int64), (1, 2), None]
)
def test_losses_and_what_is_no_activation_are_left_out(output: object) -> None:
    assert watched(output) == []


def test_layers_come_in_the_order_of_their_calls() -> None:
    model = build_detector(load_config(TINY).model)
    model.backbone.norm_eval = False  # in testing batch norm is a part of the convolution before it
    model.train()
    metas = [dict(img_shape=(96, 96, 3), pad_shape=(96, 96, 3), scale_factor=[1.0] * 4)]
    with LayerWatch(model) as watch, torch.no_grad():
        model(torch.rand(1, 3, 96, 96), metas, return_loss=False)
    names = [stats.name for stats in watch.stats]
    assert names[:4] == ['backbone.conv1', 'backbone.bn1', 'backbone.relu', 'backbone.maxpool']
    assert watch.stats[0].shape == (1, 8, 48, 48)
    # a basic block calls its one ReLU after either convolution
    block = [name.removeprefix('backbone.layer1.0.') for name in names if 'layer1.0.' in name]
    assert block == ['conv1', 'bn1', 'relu', 'conv2', 'bn2', 'relu#2']
    assert names[-1].startswith('bbox_head.')
    assert len(names) == len(set(names))


def test_the_hooks_go_whatever_happens() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(3, 3))  # the second does not fit
    with pytest.raises(RuntimeError), LayerWatch(model) as watch:
        model(torch.zeros(1, 2))
    assert [stats.name for stats in watch.stats] == ['0']
    assert not any(module._forward_hooks for module in model.modules())


def test_no_activation_is_kept_alive() -> None:
    with LayerWatch(nn.Sequential(nn.ReLU())) as watch:
        out = watch._model(torch.ones(3))
        alive = weakref.ref(out)
        del out
        assert alive() is None
    assert len(watch.stats) == 1


def test_the_first_beyond_the_bound() -> None:
    fine, large, low = layer('a', -1, 9), layer('b', 0, 11), layer('c', -12, 0)
    assert first_beyond([fine, large, low], 10) is large
    assert first_beyond([fine, low, large], 10) is low
    assert first_beyond([fine, large, low], 12) is None  # as much as the bound is in order
    bad = layer('d', NAN, NAN, num_nonfinite=2)
    assert first_beyond([fine, bad, large], 10) is bad
    assert first_beyond([], 10) is None


def test_the_table_has_a_row_for_each_layer() -> None:
    table = stats_table([layer('backbone.conv1', -1.5, 2e6), layer('neck', NAN, NAN, 2)])
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in table.split('\n')]
    assert rows[1] == ['layer', 'kind', 'shape', 'mean', 'var', 'min', 'max', 'not finite']
    assert rows[3] == ['backbone.conv1', 'Conv2d', '1x2', '0', '1', '-1.5', '2e+06', '0']
    assert rows[4][5:] == ['nan', 'nan', '2']
