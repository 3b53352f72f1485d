from __future__ import annotations

import json
from pathlib import Path

import torch

from mmlite.engine.black_box.layer_stats import LayerStats
from mmlite.engine.build import build_runner
from mmlite.engine.hooks.activation_stats import ActivationStatsHook
from mmlite.engine.runner import Runner
from tests.runs import log, tiny


def run(work_dir: Path, **hook: object) -> tuple[Runner, list[dict]]:
    """Trains the tiny model for its 6 iterations; returns the lines of activations.jsonl too."""
    hooks = [dict(type='ActivationStatsHook', **hook)]
    runner = build_runner(tiny(work_dir, custom_hooks=hooks))
    runner.train()
    file = Path(runner.log_dir, 'vis_data', 'activations.jsonl')
    assert file.parent == next(work_dir.glob('*/vis_data/scalars.json')).parent
    return runner, [json.loads(line) for line in file.read_text(encoding='utf-8').splitlines()]


def test_each_watched_iteration_is_a_line(tmp_path: Path) -> None:
    runner, lines = run(tmp_path, interval=2)
    assert [(line['epoch'], line['iter']) for line in lines] == [(1, 2), (2, 4), (2, 6)]
    first, *_, last = lines[0]['layers']
    assert first['name'] == 'backbone.conv1'
    assert first['kind'] == 'Conv2d'
    assert first['shape'] == [4, 8, 48, 48]
    assert first['min'] < first['mean'] < first['max']
    assert first['num_nonfinite'] == 0
    assert last['name'].startswith('bbox_head')
    assert not any(module._forward_hooks for module in runner.model.module.modules())
    assert 'ActivationStatsHook:' not in log(tmp_path)  # nothing is beyond 10000


def test_only_a_watched_iteration_has_hooks(tmp_path: Path) -> None:
    hook = ActivationStatsHook(interval=2)
    runner = build_runner(tiny(tmp_path))
    runner.train_loop._iter = 0  # the iteration that comes is the first
    hook.before_train_iter(runner, 0)
    assert not any(module._forward_hooks for module in runner.model.modules())
    runner.train_loop._iter = 1
    hook.before_train_iter(runner, 1)
    assert any(module._forward_hooks for module in runner.model.modules())


def test_the_first_layer_beyond_the_bound_is_named_once(tmp_path: Path) -> None:
    _, lines = run(tmp_path, interval=3, bound=1e-6)  # each layer is beyond
    warning = (
        'ActivationStatsHook: iteration 3: backbone.conv1 (Conv2d) is the first layer beyond the '
        'bound of 1e-06: a value of '
    )
    text = log(tmp_path)
    assert text.count('ActivationStatsHook:') == 1
    layer = lines[0]['layers'][0]
    assert f'{warning}{max(-layer["min"], layer["max"]):g}' in text


def test_what_is_not_finite_is_said_and_null_in_the_file(tmp_path: Path) -> None:
    runner = build_runner(tiny(tmp_path))
    hook, nan = ActivationStatsHook(interval=1), float('nan')
    hook.before_train_iter(runner, 0)
    hook._watch.stats.append(LayerStats('neck.0', 'Conv2d', (2, 3), nan, nan, nan, nan, 6))
    hook.after_train_iter(runner, 0)
    assert 'neck.0 (Conv2d) is the first layer beyond the bound of 10000: 6 of 6 values' in (
        log(tmp_path)
    )
    [line] = (
        Path(runner.log_dir, 'vis_data', 'activations.jsonl')
        .read_text(encoding='utf-8')
        .splitlines()
    )
    assert 'NaN' not in line
    assert json.loads(line)['layers'][0]['mean'] is None


def test_the_model_learns_the_same(tmp_path: Path) -> None:
    watched, _ = run(tmp_path / 'watched', interval=1)
    unwatched = build_runner(tiny(tmp_path / 'unwatched'))
    unwatched.train()
    for name, tensor in unwatched.model.module.state_dict().items():
        assert torch.equal(tensor, watched.model.module.state_dict()[name])
