from __future__ import annotations

import re
from pathlib import Path

from mmlite.engine.build import build_runner
from tests.runs import log, tiny


def logged_iterations(work_dir: Path) -> list[str]:
    return re.findall(r'Epoch\(train\) +(\[\d+\]\[ *\d+/\d+\])', log(work_dir))


def test_the_first_iteration_is_logged(tmp_path: Path) -> None:
    build_runner(tiny(tmp_path, default_hooks__logger__interval=2)).train()
    assert logged_iterations(tmp_path) == ['[1][1/3]', '[1][2/3]', '[2][2/3]']


def test_and_no_iteration_twice(tmp_path: Path) -> None:
    build_runner(tiny(tmp_path, train_dataloader__batch_size=12)).train()
    assert logged_iterations(tmp_path) == ['[1][1/1]', '[2][1/1]']
    assert 'Epoch(val) [1][1/2]' not in log(tmp_path)  # nor the first one of a validation
