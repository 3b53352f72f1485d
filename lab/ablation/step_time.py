"""Seconds of a row's training step: forward, losses, backward and the optimiser, no loading."""

from __future__ import annotations

import tempfile

import torch

from lab.ablation.rows import Row
from lab.benchmark.timing import median_seconds
from mmlite.config import load_config
from mmlite.datasets.relocate import relocate
from mmlite.engine.build import build_runner
from mmlite.engine.step import train_step


def step_time(row: Row, data_root: str | None, rounds: int = 5) -> dict:
    """Returns the median seconds of a step on the row's first batch, with its optimiser.

    The machine should do nothing else.
    """
    cfg = load_config(row.path, row.overrides)
    if data_root:
        relocate(cfg, data_root)
    cfg.train_dataloader.num_workers = 0
    cfg.train_dataloader.persistent_workers = False
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.log_level = 'WARNING'
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir = folder
        runner = build_runner(cfg)
        try:
            batch = next(iter(runner.train_dataloader))
            optimizer = runner.build_optim_wrapper(cfg.optim_wrapper)
            model = runner.model.train()
            step = {row.name: lambda: train_step(model, batch, optimizer)}
            device = next(model.parameters()).device
            seconds = median_seconds(step, rounds, warmup=2, device=device)
        finally:
            runner.close()
    return dict(
        seconds=round(seconds[row.name], 3),
        batch_size=cfg.train_dataloader.batch_size,
        rounds=rounds,
        threads=torch.get_num_threads(),
    )
