"""Runs the rows of an ablation.

Each is trained and tested by the real command lines, in processes of their own: whatever happens to
them is the row's result, and the next row runs.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from lab.ablation.results import read_result, result_path, write_json
from lab.ablation.rows import Ablation, Row
from lab.ablation.table import markdown_table
from mmlite.checkpoints.loading import last_checkpoint, read_checkpoint
from mmlite.config import load_config
from mmlite.engine.parts import Parts
from mmlite.errors import ExpectedError, RunError
from mmlite.support.files import make_folder, write_text
from mmlite.version import __version__


def run_ablation(ablation: Ablation, out: Path, work_dir: Path, data_root: str | None) -> list[str]:
    """Trains each row that has no result or a failed one; writes its result and then the table.

    Args:
        out: the folder of the results.
        work_dir: the folder that has a folder for each training, and `table.md`.
        data_root: as --data-root of train and test.

    Returns:
        The names of the runs that failed.
    """
    failed = []
    for row, seed in ablation.runs():
        name = f'{row.name} with seed {seed}'
        result = read_result(out, row, seed)
        if result is None or result['error']:
            print(f'{name}: started', flush=True)
            result = run_row(row, seed, work_dir, data_root)
            write_json(result_path(out, row, seed), result)
            write_text(make_folder(work_dir) / 'table.md', markdown_table(ablation, out))
        print(f'{name}: {result["error"] or "done"}', flush=True)
        if result['error']:
            failed.append(name)
    return failed


def run_row(row: Row, seed: int, work_dir: Path, data_root: str | None) -> dict:
    """Trains and tests; goes on in the middle of a training that was stopped.

    Returns:
        What the row's JSON file holds; `error` is None, or says why there are no metrics.
    """
    result = dict(row=row.name, config=row.config, overrides=list(row.overrides), seed=seed)
    try:
        result |= _size(row) | _trained_and_tested(row, seed, work_dir, data_root)
        error = None
    except ExpectedError as found:
        error = str(found)
    except Exception as found:  # a part that the row names can raise anything
        error = f'{type(found).__name__}: {found}'
    versions = dict(mmlite=__version__, torch=torch.__version__, python=platform.python_version())
    return dict(result, error=error, threads=torch.get_num_threads(), versions=versions)


def _size(row: Row) -> dict:
    found = Parts(load_config(row.path, row.overrides)).complexity()
    return dict(
        input=list(found.size),
        parameters=found.parameters,
        multiply_adds=found.multiply_adds,
        priors=found.priors,
    )


def _trained_and_tested(row: Row, seed: int, work_dir: Path, data_root: str | None) -> dict:
    # another folder for other overrides: what they left must not be resumed
    folder = make_folder(work_dir / f'{row.name}_seed{seed}_{row.digest}')
    common = ['--work-dir', str(folder)]
    if data_root:
        common += ['--data-root', data_root]
    if row.overrides:
        common += ['--cfg-options', *row.overrides]
    resumed, start = last_checkpoint(folder) is not None, time.monotonic()
    _run('train', [row.path, '--seed', seed, '--no-validate', '--resume', *common], folder)
    train_seconds = round(time.monotonic() - start, 1)
    checkpoint = last_checkpoint(folder)
    metrics = folder / 'metrics.json'
    _run('test', [row.path, checkpoint, '--out-json', metrics, *common], folder)
    meta = read_checkpoint(checkpoint)['meta']
    return dict(
        epochs=meta['epoch'],
        iterations=meta['iter'],
        train_seconds=None if resumed else train_seconds,  # the earlier part is not known
        metrics=json.loads(metrics.read_text(encoding='utf-8')),
    )


def _run(verb: str, args: Sequence[object], folder: Path) -> None:
    """Runs a verb in a new process, whose output goes to `VERB.txt` in the folder.

    Raises:
        RunError: it failed; the message is the last line that it printed.
    """
    output = folder / f'{verb}.txt'
    process = multiprocessing.get_context('spawn').Process(
        target=_in_own_process, args=(verb, [str(arg) for arg in args], output)
    )
    process.start()
    process.join()
    if process.exitcode:
        text = output.read_text(encoding='utf-8', errors='replace') if output.is_file() else ''
        lines = text.split('\n')
        last = next((line for line in reversed(lines) if line.strip()), 'it printed nothing')
        raise RunError(f'{verb} ended with status {process.exitcode}: {last.strip()} ({output})')


def _in_own_process(verb: str, argv: list[str], output: Path) -> None:
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    with open(output, 'w', buffering=1, encoding='utf-8') as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
        sys.exit(importlib.import_module(f'mmlite.cli.{verb}').main(argv))


def _stop_with_parent() -> None:
    """A training whose ablation was killed saves and ends; else it would keep its folder."""
    multiprocessing.parent_process().join()
    with contextlib.suppress(ProcessLookupError):
        os.kill(os.getpid(), signal.SIGTERM)
