"""Pictures of a run: validation to the visualizer, testing to a folder."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from mmlite.engine.build import build_runner
from mmlite.errors import ArgumentError, ConfigError
from mmlite.registry import HOOKS
from tests.runs import tiny

HOOK = 'default_hooks.visualization'
MMDETS = dict(
    type='DetLocalVisualizer', name='visualizer', vis_backends=[dict(type='LocalVisBackend')]
)


def pictures(work_dir: Path) -> list[Path]:
    return sorted(p for p in work_dir.rglob('*') if p.suffix in ('.jpg', '.png'))


def test_validation_draws_the_first_image_of_some_batches(tmp_path: Path) -> None:
    hook = dict(type='DetVisualizationHook', draw=True, interval=2, score_thr=0.0)
    cfg = tiny(tmp_path, **{HOOK: hook, 'visualizer': MMDETS, 'train_cfg.max_epochs': 1})
    runner = build_runner(cfg)
    runner.train()
    # 12 images in batches of 4: three iterations; 6 images to validate: batches 0 and 1, that is
    # steps 3 and 4, of which 4 is even: its first image is the fifth
    [path] = pictures(tmp_path)
    assert path.name == 'val_img_4.png'
    assert path.parent.name == 'vis_image'
    height, width = cv2.imread(str(path)).shape[:2]
    of_file = cv2.imread(runner.val_dataloader.dataset.filename(4)).shape
    assert height / width == pytest.approx(of_file[0] / of_file[1])


def test_nothing_is_drawn_unless_asked(tmp_path: Path) -> None:
    cfg = tiny(tmp_path, **{HOOK: dict(type='DetVisualizationHook'), 'visualizer': MMDETS})
    build_runner(cfg, 'test').test()
    assert pictures(tmp_path) == []


def test_a_test_writes_every_image(tmp_path: Path) -> None:
    hook = dict(type='DetVisualizationHook', draw=True, test_out_dir='shown')
    runner = build_runner(tiny(tmp_path, **{HOOK: hook}), 'test')
    runner.test()
    found = pictures(tmp_path)
    assert len(found) == 6
    assert {path.parent for path in found} == {tmp_path / runner.timestamp / 'shown'}


def test_each_run_has_a_visualizer_of_its_own(tmp_path: Path) -> None:
    runs = [build_runner(tiny(tmp_path / name, visualizer=MMDETS), 'test') for name in ('a', 'b')]
    for run, name in zip(runs, ('a', 'b'), strict=True):
        folder = Path(run.visualizer._vis_backends['LocalVisBackend']._save_dir)
        assert folder.is_relative_to(tmp_path / name)


def test_what_is_not_supported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match='supports only backend_args=None'):
        HOOKS.build(dict(type='DetVisualizationHook', backend_args=dict(backend='petrel')), at='h')
    with pytest.raises(ArgumentError, match=r'visualizer\.line_width: DetLocalVisualizer supports'):
        build_runner(tiny(tmp_path, visualizer=dict(MMDETS, line_width=5)), 'test')
    for variable in ('DISPLAY', 'WAYLAND_DISPLAY'):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(ConfigError, match='there is no display here'):
        HOOKS.build(dict(type='DetVisualizationHook', draw=True, show=True), at='h')
