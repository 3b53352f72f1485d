"""Counts how many of mmdet's published configs build here, and why the others do not."""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run, verb_parser
from mmlite.cli.parser import VerbParser
from mmlite.errors import DataError


def build_parser() -> VerbParser:
    parser = verb_parser('scoreboard', __doc__, 'mmdet-3.3.0-py3-none-any.whl')
    parser.add_argument(
        'source',
        metavar='WHEEL',
        help='a wheel of mmdet 3.x, the folder it was unpacked into, or a folder of configs',
    )
    add = parser.group('output')
    add('--page', metavar='FILE', help='write the table between its markers in a Markdown page')
    add('--out', metavar='FILE', help='a CSV file with a line for each config and its whole error')
    add = parser.group('running')
    add('--folders', nargs='+', metavar='NAME', help='only these folders, such as atss gfl')
    add('--steps', action='store_true', help='train a step and test each that builds; slow')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), scoreboard, argv)


def scoreboard(args: argparse.Namespace) -> None:
    """Prints the table, and writes it where the flags say so."""
    from lab.scoreboard.judge import judge_all
    from lab.scoreboard.table import BEGIN, END, markdown, write_between, write_csv

    with tempfile.TemporaryDirectory(prefix='scoreboard_') as folder:
        source = Path(args.source)
        if source.suffix == '.whl':
            source = _unpacked(source, Path(folder) / 'wheel')
        outcomes = judge_all(source, args.folders, Path(folder) / 'data' if args.steps else None)
    if args.out:
        write_csv(Path(args.out), outcomes)
    table = markdown(outcomes)
    print(table)
    if args.page:
        write_between(Path(args.page), BEGIN, END, table)


def _unpacked(wheel: Path, folder: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as file:
            file.extractall(folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f'{wheel}: no wheel that can be read: {error}') from error
    return folder
