"""Figures of a data set: classes, sizes, pixels, copies; suggests priors."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import config_from, config_parser, run
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError
from mmlite.support.files import make_folder, write_text


def build_parser() -> VerbParser:
    parser = config_parser('analyze_dataset', __doc__, 'configs/ssd/ssd300_voc.py --out analysis')
    add = parser.group('output')
    add(
        '--out',
        type=Path,
        metavar='DIR',
        help='where the pictures, analysis.json and the config with the suggested priors go '
        '(WORK_DIR/analysis)',
    )
    add = parser.group('data')
    add(
        '--images',
        type=int,
        default=1000,
        metavar='N',
        help='read for mean and std, evenly spread (1000)',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), analyze, argv)


def analyze(args: argparse.Namespace) -> None:
    """Prints the summary and writes the rest."""
    if args.images < 1:
        raise ConfigError('--images: a number from 1 up is expected')
    cfg = config_from(args)

    from mmlite.tools.dataset_analysis.analysis import analyse
    from mmlite.tools.dataset_analysis.plots import write_plots
    from mmlite.tools.dataset_analysis.text import summary

    found = analyse(cfg, args.images)
    print(summary(found))
    folder = make_folder(args.out or Path(cfg.work_dir) / 'analysis')
    written = write_plots(found, folder)
    written.append(folder / 'analysis.json')
    write_text(written[-1], json.dumps(found.to_json(), indent=1))
    if found.suggestion:
        written.append(folder / f'{Path(args.config).stem}_priors.py')
        write_text(written[-1], found.config_file())
    print(f'written: {", ".join(map(str, written))}')
