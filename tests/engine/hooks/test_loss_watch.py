from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlite.engine.build import build_runner
from mmlite.engine.hooks.loss_watch import DEFAULT_RANGES, LossWatchHook
from tests.runs import log, tiny


def findings(hook: LossWatchHook, iteration: int, **losses: list[float]) -> dict[str, str]:
    return dict(hook.findings({k: np.array(v) for k, v in losses.items()}, iteration))


def test_nothing_to_say() -> None:
    hook = LossWatchHook(window=2)
    falling = list(np.linspace(12, 1, 60))
    assert findings(hook, 60, loss=falling, loss_cls=falling) == {}


def test_a_loss_out_of_its_range_is_named_with_its_iteration() -> None:
    hook = LossWatchHook(ranges=dict(loss_cls=(1, 4)), window=3)
    # iterations 7, 8, 9; what was before has been looked at already
    found = findings(hook, 9, loss=[2] * 9, loss_cls=[9] * 6 + [4, 5, 1])
    assert list(found) == ['range loss_cls']
    assert 'loss_cls = 5 in iteration 8 is outside of 1 to 4' in found['range loss_cls']
    assert 'range loss_cls' in findings(hook, 3, loss=[2] * 3, loss_cls=[2, 0.5, 2])
    assert findings(hook, 3, loss=[2] * 3, loss_cls=[1, 4, 2]) == {}  # both ends are in it


def test_each_loss_has_a_range_of_its_own_by_default() -> None:
    hook = LossWatchHook(window=1)
    assert set(DEFAULT_RANGES) == {'loss_cls', 'loss_bbox', 'loss_centerness'}
    for name, (low, high) in DEFAULT_RANGES.items():
        assert findings(hook, 1, loss=[1], **{name: [high]}) == {}
        assert list(findings(hook, 1, loss=[1], **{name: [high + 0.1]})) == [f'range {name}']
        assert list(findings(hook, 1, loss=[1], **{name: [low - 0.1]})) == [f'range {name}']
    # SSD's first loss on COCO is in it: 4 ln(81)
    assert 4 * np.log(81) < DEFAULT_RANGES['loss_cls'][1]


def test_a_range_for_a_loss_that_is_not_there() -> None:
    hook = LossWatchHook(ranges=dict(loss_clas=(0, 1)), window=1)
    found = findings(hook, 1, loss=[2], loss_cls=[2])
    assert found == {
        'name loss_clas': "ranges: no loss 'loss_clas'. Did you mean 'loss_cls' or 'loss'? "
        'There are: loss, loss_cls'
    }


def test_zero_through_a_whole_window() -> None:
    hook = LossWatchHook(window=3)
    found = findings(hook, 6, loss=[2] * 6, loss_bbox=[1, 1, 1, 0, 0, 0])
    assert 'loss_bbox was 0 in each of the 3 iterations up to 6' in found['zero loss_bbox']
    assert findings(hook, 6, loss=[2] * 6, loss_bbox=[0, 0, 0, 0, 1e-9, 0]) == {}


def test_a_spike_is_measured_by_the_window_before_it() -> None:
    hook = LossWatchHook(window=3, spike=5)
    # before iteration 5 the mean is (1 + 2 + 3) / 3 = 2, and 5 * 2 = 10
    found = findings(hook, 6, loss=[9, 1, 2, 3, 10.5, 1])
    assert list(found) == ['spike']
    assert 'loss = 10.5 in iteration 5 is more than 5 times 2, the mean' in found['spike']
    assert findings(hook, 6, loss=[9, 1, 2, 3, 10, 1]) == {}
    assert findings(hook, 3, loss=[1, 1, 99]) == {}  # there is no window before it


def test_no_progress_after_twenty_windows() -> None:
    hook = LossWatchHook(window=2)
    flat = [2.0, 4.0, *[3.0] * 38]  # first mean 3, last mean 3
    assert 'loss is 3 in the mean' in findings(hook, 40, loss=flat)['progress']
    assert findings(hook, 38, loss=flat[:38]) == {}  # 19 windows
    assert findings(hook, 40, loss=[*flat[:39], 2.9]) == {}


def test_a_run_warns_once_and_goes_on(tmp_path: Path) -> None:
    hook = dict(type='LossWatchHook', ranges=dict(loss_cls=(0, 0.5), loss=(0, 99)), window=2)
    runner = build_runner(tiny(tmp_path, custom_hooks=[hook]))
    runner.train()
    assert runner.iter == 6
    lines = [line for line in log(tmp_path).splitlines() if 'LossWatchHook: ' in line]
    [line] = [line for line in lines if 'loss_cls' in line]
    first = runner.message_hub.get_scalar('train/loss_cls').data[0][0]
    assert f'loss_cls = {first:g} in iteration 1 is outside of 0 to 0.5' in line
    assert 'WARNING' in line


def test_by_default_a_run_that_is_in_order_has_no_warning(tmp_path: Path) -> None:
    build_runner(tiny(tmp_path, custom_hooks=[dict(type='LossWatchHook', window=2)])).train()
    assert 'LossWatchHook: ' not in log(tmp_path)
