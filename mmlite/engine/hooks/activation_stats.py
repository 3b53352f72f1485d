"""Which layer is the first whose output grows without limit."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.engine.black_box.layer_stats import LayerStats, LayerWatch, first_beyond
from mmlite.engine.hooks.arguments import DataBatch, Outputs
from mmlite.registry import HOOKS


@HOOKS.register_module()
class ActivationStatsHook(Hook):
    """Writes the statistics of all layers' outputs to `vis_data/activations.jsonl` of the run.

    Each line is a JSON object of a watched iteration: `epoch`, `iter` and `layers`, with the fields
    of `LayerStats` and null for a figure that is not finite. A layer that is the first beyond
    `bound` gets a warning, once. In other iterations the model runs as without the hook; in several
    processes the first one watches.

    Args:
        interval: iterations between two watched ones.
        bound: largest value, without its sign, that is in order.
    """

    def __init__(self, interval: int = 100, bound: float = 1e4) -> None:
        self.interval = interval
        self.bound = bound
        self._watch: LayerWatch | None = None
        self._watching = ExitStack()
        self._warned: set[str] = set()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        if is_main_process() and self.every_n_train_iters(runner, self.interval):
            self._watch = self._watching.enter_context(LayerWatch(runner.model.module))

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, outputs: Outputs = None
    ) -> None:
        if self._watch is None:
            return
        self._watching.close()
        stats, self._watch = self._watch.stats, None
        line = dict(epoch=runner.epoch + 1, iter=runner.iter + 1, layers=[*map(_plain, stats)])
        file = Path(runner.log_dir, 'vis_data', 'activations.jsonl')
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open('a', encoding='utf-8') as lines:
            lines.write(json.dumps(line) + '\n')
        self._warn(runner, first_beyond(stats, self.bound))

    def _warn(self, runner: Runner, layer: LayerStats | None) -> None:
        if layer is None or layer.name in self._warned:
            return
        self._warned.add(layer.name)
        found = f'a value of {layer.peak:g}'
        if layer.num_nonfinite:
            found = f'{layer.num_nonfinite} of {math.prod(layer.shape)} values not finite'
        runner.logger.warning(
            f'ActivationStatsHook: iteration {runner.iter + 1}: {layer.name} ({layer.kind}) is the '
            f'first layer beyond the bound of {self.bound:g}: {found}'
        )


def _plain(layer: LayerStats) -> dict[str, Any]:
    """A dict for JSON, which has no NaN."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in asdict(layer).items()
    }
