"""Pictures that a run writes by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from mmlite.engine.units import counts_epochs
from mmlite.evaluation import KeptResults, ResultsMetric, save_results
from mmlite.evaluation.detections import FlatDetections
from mmlite.registry import HOOKS


@HOOKS.register_module()
class RunPicturesHook(Hook):
    """Writes pictures to `pictures/` in the folder of the run, beside its log.

    In training: `first_batch.jpg`, its images and boxes as the model gets them, before the first
    step; `predictions_epoch_N.jpg` (or `_iter_N`) at each validation, detections beside the ground
    truth, always of the same images; at the end `curves.png` and, of the best validation, what
    `tools/report.py` reads, `val_results.pkl`, with `precision_recall.png`, `f1.png` and
    `confusion.png`. A test leaves `predictions.jpg`, these three, and `test_results.pkl`.

    What cannot be drawn is logged and never stops a run. The best validation is that with the
    greatest first figure whose name ends in mAP; without one it is the last.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._kept: KeptResults | None = None
        self._best: FlatDetections | None = None
        self._best_score = float('-inf')
        self._first = True

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        if not self._first or not is_main_process():
            return
        self._first = False
        with _logged(runner, 'first_batch.jpg') as path:
            from mmlite.visualization.pictures import write_jpeg
            from mmlite.visualization.sheets import batch_sheet

            write_jpeg(batch_sheet(data_batch, runner.train_dataloader.dataset.classes), path)

    def before_val_epoch(self, runner: Runner) -> None:
        self._keep_results(runner.val_loop)

    def before_test_epoch(self, runner: Runner) -> None:
        self._keep_results(runner.test_loop)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        found = self._found()
        if found is None:
            return
        self._kept.kept = None  # until the next one nobody needs it
        step = f'epoch_{runner.epoch}' if counts_epochs(runner) else f'iter_{runner.iter}'
        _write_predictions(runner, f'predictions_{step}.jpg', found, self._kept.dataset)
        score = _score(metrics or {})
        if score >= self._best_score:
            self._best, self._best_score = found, score

    def after_train(self, runner: Runner) -> None:
        if not is_main_process():
            return
        with _logged(runner, 'curves.png') as path:
            from mmlite.visualization.curves import curves_figure
            from mmlite.visualization.run_log import read_training

            figure = curves_figure(read_training(Path(runner.work_dir)))
            if figure is not None:
                figure.savefig(path)
        if self._best is not None:
            _write_results(runner, 'val_results.pkl', self._best, self._kept.dataset)
        runner.logger.info(f'Pictures of the training: {_folder(runner)}')

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        found = self._found()
        if found is None:
            return
        _write_predictions(runner, 'predictions.jpg', found, self._kept.dataset)
        _write_results(runner, 'test_results.pkl', found, self._kept.dataset)
        runner.logger.info(f'Pictures of the test: {_folder(runner)}')

    def _keep_results(self, loop: BaseLoop) -> None:
        """Adds a metric that keeps the detections, where one of the config needs them all too."""
        metrics = loop.evaluator.metrics
        if not any(isinstance(m, ResultsMetric) for m in metrics):
            return
        # tools/test.py has one of its own
        self._kept = next((m for m in metrics if isinstance(m, KeptResults)), None)
        if self._kept is None:
            self._kept = KeptResults()
            self._kept.set_dataset(loop.dataloader.dataset)
            metrics.append(self._kept)

    def _found(self) -> FlatDetections | None:
        """Returns the detections of the evaluation that has just ended; on the main process."""
        return None if self._kept is None else self._kept.kept


@contextmanager
def _logged(runner: Runner, name: str) -> Iterator[Path]:
    """Gives the path of a file of the pictures; what goes wrong in the block is logged."""
    folder = _folder(runner)
    with suppress(OSError):  # the block fails then, and that is logged
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder / name
    except Exception as error:  # a picture is not worth a run
        runner.logger.warning(f'{name} could not be made: {type(error).__name__}: {error}')


def _folder(runner: Runner) -> Path:
    return Path(runner.work_dir, runner.timestamp, 'pictures')


def _write_predictions(runner: Runner, name: str, found: FlatDetections, dataset: Any) -> None:
    with _logged(runner, name) as path:
        from mmlite.visualization.pictures import write_jpeg
        from mmlite.visualization.sheets import predictions_sheet

        write_jpeg(predictions_sheet(found, dataset), path)


def _write_results(runner: Runner, name: str, found: FlatDetections, dataset: Any) -> None:
    with _logged(runner, name) as path:
        save_results(found, path.parent.parent / name)
    with _logged(runner, 'precision_recall.png, f1.png and confusion.png') as path:
        from mmlite.evaluation.confusion import confusion_matrix
        from mmlite.visualization import result_plots
        from mmlite.visualization.result_report import findings

        result = findings(found, dataset)
        curves, classes = result.curves, dataset.classes
        matrix = confusion_matrix(result.judged, result.thresholds)
        for file, figure in (
            ('precision_recall.png', result_plots.pr_figure(curves, classes)),
            ('f1.png', result_plots.f1_figure(curves, classes)),
            ('confusion.png', result_plots.confusion_figure(matrix, classes)),
        ):
            figure.savefig(path.with_name(file))


def _score(metrics: dict[str, float]) -> float:
    """Returns the first figure whose name ends in mAP; where there is none, all are equal."""
    return next((value for name, value in metrics.items() if name.endswith('mAP')), 0.0)
