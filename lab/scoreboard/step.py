"""One training step and a test of a config, on a few images that are drawn, in a small size."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.cli.common import train_from_scratch
from mmlite.config import load_config
from mmlite.config.nodes import walk
from mmlite.datasets.demo import draw_demo_set
from mmlite.datasets.relocate import demo_classes, relocate
from mmlite.engine.build import build_runner
from mmlite.evaluation import KeptResults

# keys and parts with a size in pixels: of pipelines, and what pads or resizes the batch
_SIZES = (
    'scale', 'scales', 'crop_size', 'size', 'img_scale', 'border', 'random_size_range',
)  # fmt: skip
_SIZED = (
    'Resize', 'RandomResize', 'RandomChoiceResize', 'RandomCrop', 'Pad', 'Mosaic', 'CachedMosaic',
    'RandomAffine', 'MixUp', 'CachedMixUp', 'BatchFixedSizePad', 'BatchSyncRandomResize',
)  # fmt: skip

Roots = Callable[[tuple[str, ...]], Path]  # classes -> the root of a small set with them


class Stop(Exception):
    """Ends a training after its first step."""


class StopHook(Hook):
    """Raises Stop with the losses of the first step."""

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: dict
    ) -> None:
        raise Stop(outputs)


def drawn_sets(folder: Path) -> Roots:
    """Returns a function that draws a set for some classes below `folder`, once for each."""
    roots: dict[tuple[str, ...], Path] = {}

    def root(classes: tuple[str, ...]) -> Path:
        if classes not in roots:
            roots[classes] = draw_demo_set(
                folder / str(len(roots)), classes, num_train=4, num_test=2, size=(320, 240), seed=0
            )
        return roots[classes]

    return root


def small(path: Path, data_roots: Roots, work_dir: Path) -> Config:
    """A config with drawn data, batches of one, and a quarter of the scales but for SSD."""
    cfg = load_config(path)
    relocate(cfg, data_roots(demo_classes(cfg)))
    train_from_scratch(cfg)
    cfg.work_dir = str(work_dir)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.update(batch_size=1, num_workers=0, persistent_workers=False)
    if 'ssd' not in path.stem:
        quarter(cfg)
    return cfg


def quarter(cfg: Config) -> None:
    """Divides by 4 what has a size: in the pipelines, and what pads the batch."""
    done: set[int] = set()  # a pipeline may be in several places
    for _, node in walk(cfg):
        if not isinstance(node, dict) or id(node) in done:
            continue
        done.add(id(node))
        for key in _SIZES:
            if key in node and node.get('type') in _SIZED:
                node[key] = _quartered(node[key])


def _quartered(value: Any) -> Any:
    return [_quartered(v) for v in value] if isinstance(value, (list, tuple)) else value // 4


def problem_of_a_step(path: Path, data_roots: Roots) -> str:
    """Trains one step and tests; returns what went wrong, '' for nothing."""
    with tempfile.TemporaryDirectory(prefix='scoreboard_') as folder:
        try:
            cfg = small(path, data_roots, Path(folder))
            losses = losses_of_a_step(cfg)
            infinite = [k for k, v in losses.items() if not torch.isfinite(v).all()]
            if infinite:
                return f'not finite: {", ".join(infinite)}'
            kept = KeptResults()
            build_runner(cfg, 'test', [kept]).test()
            return '' if len(kept.kept) == 2 else f'{len(kept.kept)} results of 2 images'
        except Exception as error:  # whatever it is, it counts, and the next config follows
            return f'{type(error).__name__}: {error}'


def losses_of_a_step(cfg: Config) -> dict[str, torch.Tensor]:
    """Trains one step; returns what it logs."""
    runner = build_runner(cfg)
    runner.register_hook(StopHook(), 'VERY_LOW')
    try:
        runner.train()
    except Stop as stopped:
        return stopped.args[0]
    raise RuntimeError('the training ended before its first step')
