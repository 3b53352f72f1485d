"""When a run saves a checkpoint: at epochs, after some iterations, and when it has to stop."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.engine.hooks.arguments import DataBatch, Outputs
from mmlite.engine.metric_names import check_metric_name
from mmlite.engine.process.disk_use import summary
from mmlite.engine.process.stop_signals import StoppedBySignal, StopSignals
from mmlite.engine.units import counts_epochs, iterations_per_epoch
from mmlite.errors import ConfigError, RunError, did_you_mean
from mmlite.registry import HOOKS
from mmlite.support.files import remove_unfinished, write_text

_GREATER = ('acc', 'top', 'AR@', 'auc', 'precision', 'mAP', 'mDice', 'mIoU', 'mAcc', 'aAcc')
_LESS = ('loss',)
_KEPT_SNAPSHOTS = 2  # the last one, and the one before it should the last be unreadable


@HOOKS.register_module()
class CheckpointHook(Hook):
    """Saves checkpoints that a run can go on from, and the best weights.

    The arguments are those of mmengine's hook of this name, and `snapshot_interval`. A file is
    written whole, then `last_checkpoint` names it, and only then an older one is removed.

    Args:
        interval: epochs (or iterations) between two checkpoints; -1 for none but the last.
        by_epoch: whether `interval` and `save_begin` count epochs; left out, they do. In a training
            by iterations an epoch is one pass through the data.
        save_optimizer, save_param_scheduler: without them a run cannot be resumed.
        out_dir: a folder beside the work dir, in which a folder of the work dir's name is made.
        max_keep_ckpts: how many of the last checkpoints are kept; -1 keeps all.
        save_last: save after the last epoch or iteration, whatever the interval.
        save_best: metrics whose best checkpoint is kept: a name, a list, or 'auto' for the first
            there is.
        rule: 'greater' or 'less' is better, for all metrics or for each; None goes by the name.
        greater_keys, less_keys: parts of names of which more or less is better; None for those of
            mmengine. A whole name counts before a part of one.
        filename_tmpl: in place of `epoch_{}.pth`, or of `iter_{}.pth` where the training or
            `by_epoch` counts iterations; with one {} in it.
        save_begin: the first epoch or iteration with a checkpoint; intervals count from there.
        snapshot_interval: iterations between two snapshots `iter_N.pth` for a run that may be
            killed; the last two are kept, until the training has come to its end. None for none.

    Raises:
        ConfigError: a rule is unknown, or there are not as many as metrics; a metric is named
            twice; before the training: no metric of the config has that name; it counts
            iterations, and an interval that does not say what it counts would come after the end.
    """

    priority = 'VERY_LOW'

    def __init__(
        self,
        interval: int = -1,
        by_epoch: bool | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        out_dir: str | None = None,
        max_keep_ckpts: int = -1,
        save_last: bool = True,
        save_best: str | Sequence[str] | None = None,
        rule: str | Sequence[str] | None = None,
        greater_keys: str | Sequence[str] | None = None,
        less_keys: str | Sequence[str] | None = None,
        filename_tmpl: str | None = None,
        save_begin: int = 0,
        snapshot_interval: int | None = None,
    ) -> None:
        self.interval = interval
        self.by_epoch = by_epoch in (None, True)
        self.says_unit = by_epoch is not None
        self.parts = dict(save_optimizer=save_optimizer, save_param_scheduler=save_param_scheduler)
        self.out_dir = out_dir
        self.max_keep_ckpts = max_keep_ckpts
        self.save_last = save_last
        self.save_best = _distinct(_as_list(save_best))
        self.keys = _as_list(greater_keys) or list(_GREATER), _as_list(less_keys) or list(_LESS)
        self.rules = _rules(self.save_best, rule, *self.keys)
        self.filename_tmpl = filename_tmpl
        if filename_tmpl is not None and filename_tmpl.count('{}') != 1:
            raise ConfigError(
                'CheckpointHook.filename_tmpl: a name with one {} for the number is expected, as '
                f"'epoch_{{}}.pth'; found {filename_tmpl!r}"
            )
        self.save_begin = save_begin
        self.snapshot_interval = snapshot_interval
        self._signals = StopSignals()
        self._saved: tuple[int, str] = (-1, '')  # after which iteration, and under which name

    # ---- when -----------------------------------------------------------------------------

    def before_run(self, runner: Runner) -> None:
        """Refuses a metric that no validation will give."""
        for metric in self.save_best:
            if metric != 'auto':
                check_metric_name(runner, metric, 'CheckpointHook.save_best')

    def before_train(self, runner: Runner) -> None:
        self._count_as(runner)
        folder = Path(runner.work_dir)
        if self.out_dir is not None:
            folder = Path(self.out_dir) / folder.resolve().name
        self._folder = folder
        if is_main_process():
            folder.mkdir(parents=True, exist_ok=True)
            remove_unfinished(folder)
        runner.logger.info(f'Checkpoints will be saved to {folder}.')
        resumed = runner.resumed_from
        if resumed is not None and resumed.resolve().parent == folder.resolve():
            self._saved = (runner.iter, resumed.name)
        self._signals.listen()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, outputs: Outputs = None
    ) -> None:
        done = runner.iter + 1
        position = runner.train_loop.position(iters=1)
        stop = self._signals.received_by_any()
        if not self.by_epoch and self._is_due(done, runner.max_iters):
            runner.logger.info(f'Saving checkpoint at {done} iterations')
            self._save(runner, self.filename_tmpl.format(done), position)
        elif stop or (self.snapshot_interval and done % self.snapshot_interval == 0):
            self._save_snapshot(runner, position)
        if stop:
            raise StoppedBySignal(stop, done, str(self._folder / self._saved[1]))

    def after_train_epoch(self, runner: Runner) -> None:
        done = runner.epoch + 1
        if self.by_epoch and self._is_due(done, runner.max_epochs):
            runner.logger.info(f'Saving checkpoint at {done} epochs')
            name = self.filename_tmpl.format(done)
            self._save(runner, name, runner.train_loop.position(epochs=1))

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict, outputs: list[dict]
    ) -> None:
        """Leaves in the middle of a validation; it comes first when the run is resumed.

        Several processes leave after it: they may have different numbers of batches.
        """
        if get_world_size() == 1 and self._signals.received_here():
            self._stop(runner, self._signals.received_here(), runner.train_loop.position())

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        position = dict(runner.train_loop.position(), last_val_iter=runner.iter)
        surpassed = self._save_best(runner, metrics, position)
        after, name = self._saved
        if after == runner.iter:  # now with this validation in it, so that it is not done again
            self._write(runner, name, position)
        for old in surpassed:
            self._remove(old)
        stop = self._signals.received_by_any()
        if stop:
            self._stop(runner, stop, position)

    def after_train(self, runner: Runner) -> None:
        """Removes the snapshots of a training that has come to its end; says what is left."""
        for name in self._info(runner, 'kept_snapshots', []):
            if name != self._saved[1]:
                self._remove(name)
        if is_main_process():
            runner.logger.info(summary(runner.work_dir))

    def _stop(self, runner: Runner, number: int, position: dict[str, int]) -> None:
        if self._saved[0] != runner.iter:
            self._save_snapshot(runner, position)
        raise StoppedBySignal(number, runner.iter, str(self._folder / self._saved[1]))

    def rescue(self, runner: Runner) -> str:
        """Saves the last whole iteration of a run that has lost its workers; says where."""
        if get_world_size() > 1:  # the others do not know, and would not take part
            return f'The last checkpoint is {self._folder / self._saved[1]}'
        if self._saved[0] != runner.iter:
            try:
                self._save_snapshot(runner, runner.train_loop.position())
            except RunError as error:
                return f'Nor can it be saved: {error}'
        return (
            f'Saved after iteration {runner.iter}: {self._folder / self._saved[1]}. The same '
            'command with --resume goes on from there'
        )

    def close(self) -> None:
        """Gives the signals back; the Runner calls this however a training ends."""
        self._signals.forget()

    def _is_due(self, done: int, last: int) -> bool:
        if done == last and self.save_last:
            return True
        since = done - self.save_begin
        return self.interval > 0 and since >= 0 and since % self.interval == 0

    def _count_as(self, runner: Runner) -> None:
        """Turns epochs into iterations where those are what the training counts."""
        if self.by_epoch and not counts_epochs(runner):
            if self.interval > runner.max_epochs and not self.says_unit:
                raise ConfigError(
                    f'CheckpointHook.interval: {self.interval} counts epochs where by_epoch is not '
                    f'set, and the training has {runner.max_epochs}. It counts iterations: '
                    'set by_epoch=False, or by_epoch=True to keep epochs'
                )
            per_epoch = iterations_per_epoch(runner.train_dataloader)
            self.by_epoch = False
            if self.interval > 0:
                self.interval *= per_epoch
                runner.logger.log(
                    logging.INFO if self.says_unit else logging.WARNING,
                    'CheckpointHook.interval counts epochs'
                    f'{"" if self.says_unit else ", as by_epoch is not set"}; the training counts '
                    f'iterations: an epoch is one pass through the data, {per_epoch} iterations',
                )
            self.save_begin *= per_epoch
        if self.filename_tmpl is None:
            self.filename_tmpl = 'epoch_{}.pth' if self.by_epoch else 'iter_{}.pth'

    # ---- how ------------------------------------------------------------------------------

    def _save(self, runner: Runner, name: str, position: dict[str, int]) -> None:
        """Saves a checkpoint, and removes the one that is too many."""
        self._save_and_rotate(runner, name, position, 'kept_checkpoints', self.max_keep_ckpts)

    def _save_snapshot(self, runner: Runner, position: dict[str, int]) -> None:
        name = f'iter_{position["iter"]}.pth'
        self._save_and_rotate(runner, name, position, 'kept_snapshots', _KEPT_SNAPSHOTS)

    def _save_and_rotate(
        self, runner: Runner, name: str, position: dict[str, int], list_name: str, limit: int
    ) -> None:
        kept = [old for old in self._info(runner, list_name, []) if old != name] + [name]
        kept, too_many = (kept[-limit:], kept[:-limit]) if limit > 0 else (kept, [])
        runner.message_hub.update_info(list_name, kept)
        self._write(runner, name, position)
        self._saved = (position['iter'], name)
        for old in too_many:
            self._remove(old)

    def _write(self, runner: Runner, name: str, position: dict[str, int]) -> None:
        runner.save_checkpoint(str(self._folder), name, meta=position, **self.parts)
        if is_main_process():
            written = os.path.relpath(self._folder / name, runner.work_dir)
            write_text(Path(runner.work_dir) / 'last_checkpoint', Path(written).as_posix())

    def _remove(self, name: str) -> None:
        if is_main_process():
            (self._folder / name).unlink(missing_ok=True)

    def _save_best(
        self, runner: Runner, metrics: dict[str, float], position: dict[str, int]
    ) -> list[str]:
        """Saves the weights where a metric is better than ever; returns the files it replaces."""
        if not metrics:
            return []
        if self.save_best == ['auto']:
            first = next(iter(metrics))
            self.save_best = [first]
            self.rules = _rules([first], self.rules[0], *self.keys)
        surpassed = []
        unit, step = ('epoch', runner.epoch) if self.by_epoch else ('iter', runner.iter)
        for metric, rule in zip(self.save_best, self.rules, strict=True):
            score = _score(metrics, metric)
            suffix = f'_{metric}' if len(self.save_best) > 1 else ''
            start = f'best_{metric}_'.replace('/', '_')
            old = self._info(runner, f'best_ckpt{suffix}', None)
            if old is not None and not Path(old).name.startswith(start):
                old = None  # of another metric, before the config has changed
            best = None if old is None else self._info(runner, f'best_score{suffix}', None)
            if score is None or not _is_better(score, best, rule):
                continue
            name = start + self.filename_tmpl.format(step).replace('/', '_')
            if old is not None and Path(old).name != name:
                surpassed.append(Path(old).name)
            runner.message_hub.update_info(f'best_score{suffix}', score)
            runner.message_hub.update_info(f'best_ckpt{suffix}', name)
            runner.save_checkpoint(
                str(self._folder),
                name,
                save_optimizer=False,
                save_param_scheduler=False,
                meta=position,
            )
            runner.logger.info(
                f'The best checkpoint with {score:0.4f} {metric} at {step} {unit} is saved to '
                f'{name}.'
            )
        return surpassed

    @staticmethod
    def _info(runner: Runner, key: str, default: object) -> object:
        return runner.message_hub.runtime_info.get(key, default)


def _distinct(metrics: list[str]) -> list[str]:
    twice = len(set(metrics)) < len(metrics)
    if twice or ('auto' in metrics and len(metrics) > 1):
        raise ConfigError(
            "CheckpointHook.save_best: different metrics are expected, or 'auto' and no other; "
            f'found {metrics!r}'
        )
    return metrics


def _as_list(value: str | Sequence[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _rules(
    metrics: list[str],
    rule: str | Sequence[str] | None,
    greater_keys: Sequence[str],
    less_keys: Sequence[str],
) -> list[str | None]:
    """Returns 'greater' or 'less' for each metric; None for 'auto' where nothing is given."""
    given = list(rule) if isinstance(rule, (list, tuple)) else [rule]
    if len(given) == 1:
        given *= len(metrics)
    if len(given) != len(metrics):
        raise ConfigError(f'CheckpointHook: {len(given)} rules for the metrics {metrics}')
    rules = []
    for metric, one in zip(metrics, given, strict=True):
        if one not in ('greater', 'less', None):
            raise ConfigError(
                f"CheckpointHook.rule: 'greater' or 'less' is expected, found {one!r}"
            )
        if one is None and metric != 'auto':
            one = _rule_of(metric, greater_keys, less_keys)
        rules.append(one)
    return rules


def _rule_of(metric: str, greater_keys: Sequence[str], less_keys: Sequence[str]) -> str:
    by_rule = (('greater', greater_keys), ('less', less_keys))
    for rule, keys in by_rule:
        if metric.lower() in (key.lower() for key in keys):
            return rule
    for rule, keys in by_rule:
        if any(key.lower() in metric.lower() for key in keys):
            return rule
    raise ConfigError(
        f"CheckpointHook.save_best: whether more or less of '{metric}' is better cannot be seen in "
        "its name; set rule='greater' or rule='less'"
    )


def _score(metrics: dict[str, float], metric: str) -> float | None:
    if metric not in metrics:
        raise ConfigError(
            f"CheckpointHook.save_best: there is no metric '{metric}'."
            f'{did_you_mean(metric, metrics)} There are: {", ".join(metrics)}'
        )
    return metrics[metric]


def _is_better(score: float, best: float | None, rule: str) -> bool:
    """NaN is never the best, as in mmengine: nothing would be better than it afterwards."""
    if rule == 'greater':
        return score > (-math.inf if best is None else best)
    return score < (math.inf if best is None else best)
