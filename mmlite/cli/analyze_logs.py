"""Compares trainings by their logs: a table, and curves in one picture."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run, verb_parser
from mmlite.cli.parser import VerbParser


def build_parser() -> VerbParser:
    parser = verb_parser('analyze_logs', __doc__, 'work_dirs/a work_dirs/b --keys loss mAP')
    add = parser.add_argument
    add('runs', nargs='+', metavar='WORK_DIR|scalars.json', help='trainings')
    add = parser.group('output')
    add(
        '--keys',
        nargs='+',
        action='extend',
        metavar='KEY',
        help='what to draw (loss, mAP); a name, or its end',
    )
    add('--out', default='logs.png', metavar='FILE', help='the picture (logs.png)')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), analyze_logs, argv)


def analyze_logs(args: argparse.Namespace) -> None:
    """Prints the table and draws the curves."""
    from mmlite.evaluation.report import text_table
    from mmlite.visualization.log_plots import draw_runs, log_rows
    from mmlite.visualization.run_log import read_training

    runs = {source: read_training(Path(source)) for source in args.runs}
    print(text_table(log_rows(runs)))
    draw_runs(runs, args.keys, Path(args.out))
    print(f'curves: {args.out}')
