"""Says when losses look as if something in the data or the config is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.engine.hooks.arguments import DataBatch, Outputs
from mmlite.errors import did_you_mean
from mmlite.registry import HOOKS

# What an untrained model can have, with room above; a loss below 0 is a mistake.
DEFAULT_RANGES = dict(
    # Softmax over C + 1 equal scores costs ln(C + 1) a prior. SSD counts a positive and its three
    # negatives over the positive: 4 ln(C + 1), 12.2 for VOC's 20 classes and 17.6 for COCO's 80.
    # Drawn weights do not score equally, and the hardest negatives cost more: 30 is 1.7 times
    # COCO's. Focal loss begins lower: with probabilities of 0.01 a positive costs
    # 0.25 * 0.99^2 * ln(100) = 1.1, and C * 10^5 negatives together
    # C * 10^5 * 0.75 * 0.01^2 * 0.01 = 6 for 80 classes; from probabilities of 0.5 it would begin
    # at C * 10^5 * 0.75 * 0.5^2 * ln(2) = 10^6 over the positives.
    loss_cls=(0.0, 30.0),
    # At an IoU of 0.5 a box is shifted by a third of its side at most, or twice as large. SSD
    # divides by 0.1 and 0.2: smooth L1 of (1/3) / 0.1 = 3.3 and ln(2) / 0.2 = 3.5 is 2.8 and 3.0,
    # twice each 11.6. L1 without that division is 2 * 1/3 + 2 * ln(2) = 2.1, 1 - GIoU at most 2,
    # and -ln(IoU) at an IoU of 10^-6 13.8.
    loss_bbox=(0.0, 20.0),
    # Binary cross entropy at a probability of 0.5 is ln(2) = 0.7; 3 is a probability of 0.05 for
    # what is certain.
    loss_centerness=(0.0, 3.0),
)

_WINDOWS_TO_PROGRESS = 20


@HOOKS.register_module()
class LossWatchHook(Hook):
    """Warns, and never stops a run; of each finding and loss once.

    - a loss outside its range;
    - a loss that is 0 through a whole window: no prior is positive;
    - a total above `spike` times the mean of the window before it;
    - after 20 windows, a total whose mean over the last window is not below that of the first.

    It looks once in a window, at the numbers that mmengine has logged, also before a resume: no
    device waits for it.

    Args:
        ranges: name of a loss -> (lowest, highest) value in order; replaces or extends
            `DEFAULT_RANGES`.
        window: iterations.
        spike: factor.
    """

    def __init__(
        self,
        ranges: Mapping[str, Sequence[float]] | None = None,
        window: int = 50,
        spike: float = 5.0,
    ) -> None:
        self.ranges = {**DEFAULT_RANGES, **(ranges or {})}
        self.window = window
        self.spike = spike
        self._named = list(ranges or {})
        self._warned: set[str] = set()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, outputs: Outputs = None
    ) -> None:
        if not self.every_n_train_iters(runner, self.window):
            return
        histories = {
            name: runner.message_hub.get_scalar(f'train/{name}').data[0] for name in outputs
        }
        for finding, text in self.findings(histories, runner.iter + 1):
            if finding not in self._warned:
                self._warned.add(finding)
                runner.logger.warning(f'LossWatchHook: {text}')

    def findings(
        self, histories: Mapping[str, np.ndarray], iteration: int
    ) -> Iterator[tuple[str, str]]:
        """Yields a name and the text of everything that is wrong.

        Args:
            histories: of each loss, 'loss' being the total, all values so far.
            iteration: number of the last one, the first being 1.
        """
        for name in self._named:
            if name not in histories:
                near = did_you_mean(name, histories)
                names = ', '.join(histories)
                yield f'name {name}', f"ranges: no loss '{name}'.{near} There are: {names}"
        for name, values in histories.items():
            last = values[-self.window :]
            yield from self._out_of_range(name, last, iteration)
            if not last.any() and len(last) == self.window:
                yield (
                    f'zero {name}',
                    f'{name} was 0 in each of the {self.window} iterations up to {iteration}: no '
                    'prior is positive. Do the labels fit num_classes, and the sizes of the priors '
                    'those of the boxes?',
                )
        yield from self._spike(histories['loss'], iteration)
        yield from self._no_progress(histories['loss'], iteration)

    def _out_of_range(
        self, name: str, last: np.ndarray, iteration: int
    ) -> Iterator[tuple[str, str]]:
        low, high = self.ranges.get(name, (-np.inf, np.inf))
        outside = np.flatnonzero(~((low <= last) & (last <= high)))
        if len(outside):
            at = iteration - len(last) + 1 + outside[0]
            yield (
                f'range {name}',
                f'{name} = {last[outside[0]]:g} in iteration {at} is outside of {low:g} to '
                f'{high:g}. Is the learning rate too high, or are the images normalised otherwise '
                'than the weights expect?',
            )

    def _spike(self, total: np.ndarray, iteration: int) -> Iterator[tuple[str, str]]:
        for i in range(max(self.window, len(total) - self.window), len(total)):
            mean = total[i - self.window : i].mean()
            if total[i] > self.spike * mean:
                at = iteration - len(total) + 1 + i
                yield (
                    'spike',
                    f'loss = {total[i]:g} in iteration {at} is more than {self.spike:g} '
                    f'times {mean:g}, the mean of the {self.window} iterations before. Is the '
                    'learning rate too high, or is a label of that batch wrong?',
                )

    def _no_progress(self, total: np.ndarray, iteration: int) -> Iterator[tuple[str, str]]:
        if len(total) < _WINDOWS_TO_PROGRESS * self.window:
            return
        first, last = total[: self.window].mean(), total[-self.window :].mean()
        if last >= first:
            yield (
                'progress',
                f'loss is {last:g} in the mean of the {self.window} iterations up to {iteration}, '
                f'and was {first:g} in the first {self.window}: nothing is learnt. Is the learning '
                'rate too low or too high, or is everything frozen?',
            )
