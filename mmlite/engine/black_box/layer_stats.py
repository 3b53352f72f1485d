"""What each layer of a model puts out, and the first layer where numbers get out of hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from terminaltables import AsciiTable
from torch import Tensor, nn


@dataclass(frozen=True)
class LayerStats:
    """The output of one call of a layer; figures of its finite values, NaN where there are none.

    Args:
        name: path of the module, such as 'backbone.layer1.0.conv1'. One that runs several times in
            a watch, such as the towers of a head on each level, has '#2', '#3', ... from its
            second call on.
        kind: name of its class.
        shape: of the output.
        mean, var, min, max: the variance is that of all values, not an estimate from a sample.
        num_nonfinite: how many values are NaN or infinite.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    mean: float
    var: float
    min: float
    max: float
    num_nonfinite: int

    @property
    def peak(self) -> float:
        """The largest finite value without its sign."""
        return max(abs(self.min), abs(self.max))


class LayerWatch:
    """Records the statistics of each layer that runs inside a `with` block, in `stats`, in order.

        with LayerWatch(model) as watch:
            model(img)
        print(stats_table(watch.stats))

    A layer is a module without modules in it. Losses are left out: their output is a scalar. What
    runs as a function (`F.interpolate` in an FPN, the sum of a residual block) is not seen. A batch
    norm that keeps its statistics is a part of the convolution before it, which then shows what the
    two return.

    Args:
        model: the module whose layers are watched; names are relative to it.
    """

    def __init__(self, model: nn.Module) -> None:
        self.stats: list[LayerStats] = []
        self._model = model
        self._calls: Counter[str] = Counter()
        self._handles: list = []

    def __enter__(self) -> LayerWatch:
        for name, module in self._model.named_modules():
            if next(module.children(), None) is None:
                hook = partial(self._record, name)
                self._handles.append(module.register_forward_hook(hook))
        return self

    def __exit__(self, *exc_info: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _record(self, name: str, module: nn.Module, args: tuple, output: Any) -> None:
        if not isinstance(output, Tensor) or not output.is_floating_point():
            return
        if output.dim() == 0 or output.numel() == 0:
            return
        self._calls[name] += 1
        count = self._calls[name]
        called = name if count == 1 else f'{name}#{count}'
        kind = type(module).__name__
        self.stats.append(LayerStats(called, kind, tuple(output.shape), *_figures(output)))


def first_beyond(stats: Sequence[LayerStats], bound: float) -> LayerStats | None:
    """Returns the first layer with a value that is not finite or, without its sign, above `bound`.

    Args:
        stats: in the order in which the layers ran.
        bound: largest value that is in order.
    """
    for layer in stats:
        if layer.num_nonfinite > 0 or layer.peak > bound:
            return layer
    return None


def stats_table(stats: Sequence[LayerStats]) -> str:
    """Returns the statistics as text, one row a layer."""
    rows = [['layer', 'kind', 'shape', 'mean', 'var', 'min', 'max', 'not finite']]
    for layer in stats:
        shape = 'x'.join(map(str, layer.shape))
        figures = [f'{v:.3g}' for v in (layer.mean, layer.var, layer.min, layer.max)]
        rows.append([layer.name, layer.kind, shape, *figures, layer.num_nonfinite])
    table = AsciiTable(rows)
    for column in range(3, 8):
        table.justify_columns[column] = 'right'
    return table.table


@torch.no_grad()
def _figures(values: Tensor) -> tuple[float, float, float, float, int]:
    """Returns mean, var, min, max and num_nonfinite of at least one value."""
    # half precision is too coarse to sum in; of float32 this makes no copy
    values = values.detach().to(torch.promote_types(values.dtype, torch.float32))
    num_nonfinite = 0
    if not torch.stack(values.aminmax()).isfinite().all():  # a NaN is both minimum and maximum
        finite = values[values.isfinite()]
        num_nonfinite = values.numel() - finite.numel()
        values = finite
    if values.numel() == 0:
        return float('nan'), float('nan'), float('nan'), float('nan'), num_nonfinite
    var, mean = torch.var_mean(values, correction=0)
    figures = torch.stack([mean, var, *values.aminmax()]).tolist()  # one copy from the device
    return (*figures, num_nonfinite)
