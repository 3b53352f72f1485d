from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

from mmlite.engine.build import build_runner
from mmlite.engine.hooks import SkippedImagesHook
from mmlite.parallel import DataContainer
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


def test_images_that_were_replaced_are_counted() -> None:
    hook, warnings = SkippedImagesHook(), []
    runner = SimpleNamespace(logger=SimpleNamespace(warning=warnings.append))
    hook.after_train_epoch(runner)
    assert warnings == []  # nothing to say
    metas = [dict(skipped_files=['b.jpg', 'a.jpg']), {}, dict(skipped_files=['a.jpg'])]
    hook.after_train_iter(runner, 0, dict(img_metas=DataContainer(metas, cpu_only=True)))
    hook.after_train_iter(runner, 1, dict(img_metas=[dict(skipped_files=['c.jpg'])]))
    hook.after_train_epoch(runner)
    assert warnings == [
        '3 images cannot be read and were replaced by others (4 times so far): a.jpg, b.jpg, c.jpg'
    ]
