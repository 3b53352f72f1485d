"""Compares two results of the same images: configs, classes, changed images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run, verb_parser
from mmlite.cli.parser import VerbParser
from mmlite.cli.results_source import add_source_flags, find_source, read_source
from mmlite.errors import ConfigError
from mmlite.support.files import make_folder, write_text


def build_parser() -> VerbParser:
    parser = verb_parser('compare', __doc__, 'work_dirs/ssd_demo work_dirs/fcos_demo')
    add = parser.add_argument
    add('first', metavar='A', help='a .pkl of test.py --out, or a work dir')
    add('second', metavar='B', help='what is compared with it')
    add = parser.group('output')
    add('--out', default='compare.html', metavar='FILE', help='the page (compare.html)')
    add = parser.group('running')
    add('--rounds', type=int, default=1000, metavar='N', help='of the bootstrap (1000)')
    add_source_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), compare, argv)


def compare(args: argparse.Namespace) -> None:
    """Prints the difference of each class with its interval, and writes the page."""
    if args.rounds < 1:
        raise ConfigError(f'--rounds: a number from 1 up is expected, found {args.rounds}')
    sources = [find_source(path, args.config) for path in (args.first, args.second)]
    (first_cfg, first), (second_cfg, second) = (read_source(one, args) for one in sources)

    from mmlite.config.difference import config_difference
    from mmlite.evaluation.bootstrap import paired_difference
    from mmlite.evaluation.report import text_table
    from mmlite.visualization.comparison import (
        check_comparable,
        check_same_truth,
        comparison_page,
        difference_rows,
    )

    check_comparable(first.dataset, second.dataset, args.first, args.second)
    check_same_truth(first.judged, second.judged, args.first, args.second)
    difference = paired_difference(first.judged, second.judged, args.rounds)
    rows = difference_rows(difference, first.dataset.classes)
    page = comparison_page(
        (args.first, args.second),
        config_difference(first_cfg, second_cfg),
        rows,
        first,
        second,
    )
    out = Path(args.out)
    make_folder(out.parent)
    write_text(out, page)
    print(text_table(rows))
    print(f'comparison: {out}')
