"""Pictures that a run leaves; which, is in `tests/cli/test_report.py`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from mmlite.engine.build import build_runner
from mmlite.engine.hooks import RunPicturesHook
from mmlite.engine.runner import OWN_HOOKS
from mmlite.evaluation import load_results
from tests.runs import CHECKOUT, log, shell, tiny

HOOK = dict(default_hooks__pictures=dict(type='RunPicturesHook'), train_cfg__max_epochs=1)


def names(work_dir: Path) -> set[str]:
    return {path.name for path in work_dir.glob('*/pictures/*')}


def test_it_is_there_unless_it_is_taken_out(tmp_path: Path) -> None:
    assert OWN_HOOKS['pictures'] == 'RunPicturesHook'
    hooks = build_runner(tiny(tmp_path)).hooks  # its config takes it out
    assert not any(isinstance(hook, RunPicturesHook) for hook in hooks)


def test_a_folder_that_cannot_be_made_never_stops_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'in_the_way').touch()
    monkeypatch.setattr(
        'mmlite.engine.hooks.run_pictures._folder', lambda runner: tmp_path / 'in_the_way' / 'x'
    )
    build_runner(tiny(tmp_path / 'run', **HOOK)).train()
    assert 'first_batch.jpg could not be made: NotADirectoryError' in log(tmp_path / 'run')


def test_what_cannot_be_drawn_never_stops_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError('no such luck')

    # what imports these names for good does so before they are replaced
    importlib.import_module('mmlite.visualization.result_report')
    for name in ('sheets.batch_sheet', 'sheets.predictions_sheet', 'curves.curves_figure'):
        monkeypatch.setattr(f'mmlite.visualization.{name}', fail)
    monkeypatch.setattr('mmlite.engine.hooks.run_pictures.save_results', fail)
    build_runner(tiny(tmp_path, **HOOK)).train()
    said = log(tmp_path)
    for name in ('first_batch.jpg', 'predictions_epoch_1.jpg', 'curves.png', 'val_results.pkl'):
        assert f'{name} could not be made: OSError: no such luck' in said
    assert names(tmp_path) == {'precision_recall.png', 'f1.png', 'confusion.png'}
    assert (tmp_path / 'epoch_1.pth').is_file()


def test_the_best_validation_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.2, 0.5, 0.3])
    kept = []

    def compute(self: object, results: list) -> dict[str, float]:
        kept.append(sum(int((part.lengths > 0).sum()) for part in results))
        return dict(mAP=next(scores))

    monkeypatch.setattr('mmlite.evaluation.VOCMetric.compute_metrics', compute)
    runner = build_runner(tiny(tmp_path, **{**HOOK, 'train_cfg__max_epochs': 3}))
    seen = []
    [hook] = [hook for hook in runner.hooks if isinstance(hook, RunPicturesHook)]
    found = hook._found
    monkeypatch.setattr(hook, '_found', lambda: seen.append(found()) or seen[-1])
    runner.train()
    assert len(kept) == 3
    written = load_results(next(tmp_path.glob('*/val_results.pkl')), 6, 5)
    sums = [float(found.rows.sum()) for found in seen]
    assert sum(rows.sum() for image in written for rows in image) == pytest.approx(
        sums[1], rel=1e-4
    )
    assert abs(sums[0] - sums[1]) > 1e-3 * abs(sums[1])  # the comparison can fail


def test_without_validation(tmp_path: Path) -> None:
    cfg = tiny(tmp_path, **HOOK)
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    build_runner(cfg).train()
    assert names(tmp_path) == {'first_batch.jpg', 'curves.png'}


def test_iterations_and_a_resumed_run(tmp_path: Path) -> None:
    by_iter = dict(type='IterBasedTrainLoop', max_iters=3, val_interval=3)
    build_runner(tiny(tmp_path, **{**HOOK, 'train_cfg__max_epochs': 1})).train()
    build_runner(tiny(tmp_path, **{**HOOK, 'train_cfg__max_epochs': 2}, resume=True)).train()
    assert {'predictions_epoch_1.jpg', 'predictions_epoch_2.jpg'} < names(tmp_path)
    cfg = tiny(tmp_path / 'iter', **HOOK)
    cfg.train_cfg = by_iter
    cfg.default_hooks.checkpoint.by_epoch = False
    cfg.param_scheduler = None
    build_runner(cfg).train()
    assert 'predictions_iter_3.jpg' in names(tmp_path / 'iter')


def test_matplotlib_comes_when_the_training_is_done(tmp_path: Path) -> None:
    plugin = tmp_path / 'watch_imports.py'
    plugin.write_text(
        'import sys\n'
        'from mmengine.hooks import Hook\n'
        'from mmlite.registry import HOOKS\n'
        '@HOOKS.register_module()\n'
        'class WatchImports(Hook):\n'
        '    def after_train_epoch(self, runner):\n'
        "        print('epoch', 'matplotlib' in sys.modules)\n"
        '    def close(self):\n'
        "        print('end', 'matplotlib' in sys.modules)\n"
    )
    ended = shell([
        CHECKOUT / 'tools/train.py', CHECKOUT / 'tests/tiny_ssd.py', '--work-dir', tmp_path / 'w',
        '--plugin', plugin, '--cfg-options', "default_hooks.pictures=dict(type='RunPicturesHook')",
        'train_cfg.max_epochs=1', "custom_hooks=[dict(type='WatchImports')]",
    ])  # fmt: skip
    assert ended.status == 0, ended.err
    assert 'epoch False\n' in ended.out
    assert 'end True\n' in ended.out


@pytest.mark.skipif(sys.platform == 'win32', reason='torchrun and gloo')
def test_two_processes_leave_the_results_of_all_images(tmp_path: Path) -> None:
    run = ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2']
    train = [CHECKOUT / 'tools/train.py', CHECKOUT / 'tests/tiny_ssd.py', '--work-dir', tmp_path]
    options = [f'{key.replace("__", ".")}={value}' for key, value in HOOK.items()]
    ended = shell([*run, *train, '--launcher', 'pytorch', '--cfg-options', *options])
    assert ended.status == 0, ended.err
    found = load_results(next(tmp_path.glob('*/val_results.pkl')), 6, 5)
    assert all(sum(map(len, image)) for image in found)
    assert len(names(tmp_path)) == 6
