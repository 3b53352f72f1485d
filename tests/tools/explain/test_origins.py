"""Where a stretched key comes from."""

from __future__ import annotations

from tests.runs import TINY, cli


def test_a_key_that_was_stretched_names_the_length() -> None:
    ended = cli(
        *('explain', TINY, '--key', 'param_scheduler.1.end', 'param_scheduler.1.gamma'),
        *('--cfg-options', 'train_cfg.max_epochs=6'),
    )
    assert ended.status == 0, ended.err
    lines = [line.strip() for line in ended.out.splitlines()]
    first = lines.index('param_scheduler.1.end = 6')
    assert lines[first + 1].endswith(': 2  overridden')
    assert lines[first + 2] == 'stretched with train_cfg.max_epochs: 6  in effect'
    gamma = lines.index('param_scheduler.1.gamma = 0.1')
    assert lines[gamma + 1].endswith(': 0.1  in effect')
