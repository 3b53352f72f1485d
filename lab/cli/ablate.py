"""Trains and tests every row of a table, one after the other; started again, it goes on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run, verb_parser
from mmlite.cli.parser import VerbParser


def build_parser() -> VerbParser:
    parser = verb_parser(
        'ablate',
        __doc__,
        'lab/ablation/configs/bccd.yaml --data-root /path/to/bccd --out lab/ablation/results',
    )
    add = parser.add_argument
    add('file', help='the rows, such as lab/ablation/configs/bccd.yaml')
    add = parser.group('output')
    add(
        '--out',
        metavar='DIR',
        help='of the results, a JSON file for each row and seed (WORK_DIR/results)',
    )
    add(
        '--work-dir',
        metavar='DIR',
        help='of the trainings, and table.md (work_dirs/<stem of the file>)',
    )
    parser.group('data')('--data-root', metavar='DIR', help='as in train, for every row')
    parser.group('running')(
        '--time', action='store_true', help='time a step of each row instead, on an idle machine'
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), ablate, argv)


def ablate(args: argparse.Namespace) -> None:
    """Runs what has no result yet, or times every row; prints the table."""
    from lab.ablation.results import STEP_TIME, write_json
    from lab.ablation.rows import read_ablation
    from lab.ablation.run import run_ablation
    from lab.ablation.step_time import step_time
    from lab.ablation.table import markdown_table
    from mmlite.errors import RunError
    from mmlite.support.files import make_folder

    ablation = read_ablation(args.file)
    work_dir = Path(args.work_dir or f'work_dirs/{Path(args.file).stem}')
    out = make_folder(args.out or work_dir / 'results')
    failed = []
    if args.time:
        times = {row.name: step_time(row, args.data_root) for row in ablation.rows}
        write_json(out / STEP_TIME, times)
    else:
        failed = run_ablation(ablation, out, work_dir, args.data_root)
    print(markdown_table(ablation, out), end='')
    if failed:
        raise RunError(f'{len(failed)} failed, and have no figures: {", ".join(failed)}')
