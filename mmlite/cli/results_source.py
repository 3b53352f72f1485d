"""Where the results of a report come from: a file of them, or a work dir with its last run's."""

from __future__ import annotations

import argparse
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mmengine.config import Config

from mmlite.cli.common import add_config_flags, command, config_from
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError, DataError
from mmlite.support.files import near_files
from mmlite.support.words import counted

if TYPE_CHECKING:
    from mmengine.evaluator import BaseMetric

    from mmlite.evaluation.ap_rule import ApRule
    from mmlite.visualization.result_report import Findings

# the files that a run leaves in WORK_DIR/<run>, and the part of the config that they are of
RESULTS_OF = {'val_results.pkl': 'val', 'test_results.pkl': 'test'}
_SETS = {'val': 'the validation set', 'test': 'the test set'}


class ResultsSource(NamedTuple):
    """A file of results, the config it is of, and the folder with the log of the training."""

    results: Path
    config: str
    work_dir: Path | None


def add_source_flags(parser: VerbParser) -> None:
    """Adds what `read_source` needs besides the source itself."""
    parser.group('config and plugins')(
        '--config', metavar='FILE', help='of a file of results; a work dir holds its own'
    )
    add_config_flags(parser)


def find_source(path: str, config: str | None) -> ResultsSource:
    """Finds the results of a work dir, the newest it has, or those of a file.

    Args:
        path: a work dir, a folder of one run in it, or a .pkl.
        config: a config file, for a file that lies outside a work dir.

    Raises:
        DataError: there are no results.
        ConfigError: a config is needed.
    """
    source = Path(path)
    if source.is_dir():
        found = [file for name in RESULTS_OF for file in source.rglob(name)]
        if not found:
            raise DataError(
                f'{path}: no {" or ".join(RESULTS_OF)} in it: train.py and test.py write them at '
                f'their end. {_how_to_make_results(source)}'
            )
        source = max(found, key=lambda file: (file.parent.name, file.stat().st_mtime))
    elif not source.is_file():
        raise DataError(f'{path}: no such file or folder.{near_files(source)}')
    if source.suffix in ('.py', '.pth'):
        raise DataError(
            f'{path}: a work dir or a file of results is expected, such as those that test CONFIG '
            'CHECKPOINT --out results.pkl writes'
        )
    dumped = source.parent / 'vis_data' / 'config.py'
    if dumped.is_file():
        return ResultsSource(source, str(dumped), source.parent.parent)
    if config is None:
        raise ConfigError(f'{path}: which config is it of? --config FILE says it')
    return ResultsSource(source, config, None)


def _how_to_make_results(folder: Path) -> str:
    """What to do with a work dir whose training was stopped, or with another folder."""
    from mmlite.checkpoints.file import last_checkpoint

    checkpoint, configs = last_checkpoint(folder), sorted(folder.glob('*.py'))
    if not checkpoint or not configs:
        return 'A file that test.py --out wrote can be given in its place'
    words = [*command('test'), str(configs[0]), checkpoint, '--work-dir', str(folder)]
    return f'There is a checkpoint; for its results: {shlex.join(words)}'


def read_source(source: ResultsSource, args: argparse.Namespace) -> tuple[Config, Findings]:
    """Loads the config, builds the data set, and judges the results.

    The validation set is that of `val_results.pkl`, which a training leaves; every other file is
    of the test set.

    Raises:
        ConfigError: the config does not have that part.
    """
    args.config = source.config
    cfg = config_from(args)
    for key in (f'{_part(source)}_dataloader', f'{_part(source)}_evaluator'):
        if not cfg.get(key):
            raise ConfigError(f'{source.config}: it has no {key}, which {source.results} is of')

    from mmlite.datasets import build_dataset
    from mmlite.datasets.auto_classes import settle_classes
    from mmlite.evaluation import load_results
    from mmlite.visualization.result_report import findings

    settle_classes(cfg)
    dataset = build_dataset(cfg[f'{_part(source)}_dataloader'].dataset, at=_part(source))
    return cfg, findings(load_results(source.results, len(dataset), len(dataset.classes)), dataset)


def figures_of(source: ResultsSource, cfg: Config, found: Findings) -> dict[str, float]:
    """Returns the figures of the config's own metrics."""
    from mmlite.evaluation import evaluate_results

    return evaluate_results(found.results, found.dataset, _metrics(source, cfg))


def headline_of(
    source: ResultsSource, cfg: Config, figures: dict[str, float]
) -> tuple[str | None, ApRule | None]:
    """Returns the figure that the config is about, and how it counts AP.

    None for the name where the metrics give no figure; None for the rule of a figure that is no
    AP over all sizes, and of a metric that has no `ap_rule`.
    """
    from mmlite.evaluation.ap_rule import headline

    hooks = cfg.get('default_hooks') or {}
    name = headline(figures, (hooks.get('checkpoint') or {}).get('save_best'))
    for metric in _metrics(source, cfg) if name else ():
        prefix = f'{metric.prefix}/' if metric.prefix else ''
        if name.startswith(prefix) and hasattr(metric, 'ap_rule'):
            return name, metric.ap_rule(name.removeprefix(prefix))
    return name, None


def _metrics(source: ResultsSource, cfg: Config) -> list[BaseMetric]:
    from mmlite.evaluation import build_metrics

    at = f'{_part(source)}_evaluator'
    return build_metrics(cfg[at], at=at)


def subject_of(source: ResultsSource, cfg: Config, found: Findings) -> list[tuple[str, str]]:
    """Returns what a page about the results is of: config, checkpoint, date, data set."""
    from mmlite.datasets.bad_items import leaves
    from mmlite.version import __version__

    part = _part(source)
    files = [
        f'{type(leaf).__name__} in {leaf.data_root or "."}'
        + f', {leaf.ann_file}' * bool(leaf.ann_file)
        for leaf in leaves(found.dataset)
    ]
    dataset = ' and '.join(files) or type(found.dataset).__name__
    judged = found.judged
    return [
        ('config', source.config),
        ('checkpoint', _checkpoint(source, cfg)),
        ('results', f'{source.results}, written {_date(source.results)}'),
        (
            'data set',
            f'{_SETS[part]} of the config: {dataset}; {counted(judged.num_images, "image")}, '
            f'{counted(len(judged.gt_label), "box")} of {counted(judged.num_classes, "class")}',
        ),
        ('page', f'written {datetime.now():%Y-%m-%d %H:%M} by mmlite {__version__}'),
    ]


def _checkpoint(source: ResultsSource, cfg: Config) -> str:
    """Returns the checkpoint that gave the results, as far as the run has left a note of it."""
    from mmlite.visualization.run_log import best_validation, read_scalars

    if source.work_dir is None:
        return 'not known: a file of results does not name it'
    if _part(source) == 'test':
        return str(cfg.get('load_from') or 'not known: the config of the run does not name it')
    scalars = source.results.parent / 'vis_data' / 'scalars.json'
    step = best_validation(read_scalars(scalars)) if scalars.is_file() else None
    if step is None:
        return 'not known: the log of the training has no validation'
    unit = 'epoch' if (cfg.get('train_cfg') or {}).get('by_epoch', True) else 'iter'
    saved = sorted(source.work_dir.glob(f'*{unit}_{step}.pth'), key=lambda file: len(file.name))
    return f'{saved[0] if saved else f"{unit}_{step}, which is not kept"} (the best validation)'


def _date(file: Path) -> str:
    return f'{datetime.fromtimestamp(file.stat().st_mtime):%Y-%m-%d %H:%M}'


def _part(source: ResultsSource) -> str:
    return RESULTS_OF.get(source.results.name, 'test')
