"""Where the results of a report come from: a file of them, or a work dir with its last run's."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mmengine.config import Config

from mmlite.cli.common import add_config_flags, config_from
from mmlite.errors import ConfigError, DataError
from mmlite.support.files import near_files

if TYPE_CHECKING:
    from mmlite.visualization.result_report import Findings

# the files that a run leaves in WORK_DIR/<run>, and the part of the config that they are of
RESULTS_OF = {'val_results.pkl': 'val', 'test_results.pkl': 'test'}


class ResultsSource(NamedTuple):
    """A file of results, the config it is of, and the folder with the log of the training."""

    results: Path
    config: str
    work_dir: Path | None


def add_source_flags(parser: argparse.ArgumentParser) -> None:
    """Adds what `read_source` needs besides the source itself."""
    parser.add_argument(
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
                'their end. A file that test.py --out wrote can be given in its place'
            )
        source = max(found, key=lambda file: (file.parent.name, file.stat().st_mtime))
    elif not source.is_file():
        raise DataError(f'{path}: no such file or folder.{near_files(source)}')
    dumped = source.parent / 'vis_data' / 'config.py'
    if dumped.is_file():
        return ResultsSource(source, str(dumped), source.parent.parent)
    if config is None:
        raise ConfigError(f'{path}: which config is it of? --config FILE says it')
    return ResultsSource(source, config, None)


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
    from mmlite.evaluation import build_metrics, evaluate_results

    at = f'{_part(source)}_evaluator'
    return evaluate_results(found.results, found.dataset, build_metrics(cfg[at], at=at))


def _part(source: ResultsSource) -> str:
    return RESULTS_OF.get(source.results.name, 'test')
