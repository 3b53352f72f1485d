"""Compares two results of the same images: configs, classes, changed images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run, verb_parser
from mmlite.cli.parser import VerbParser
from mmlite.cli.results_source import (
    add_source_flags,
    figures_of,
    find_source,
    headline_of,
    read_source,
)
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
    from mmlite.evaluation.ap_rule import ApRule
    from mmlite.evaluation.bootstrap import paired_difference
    from mmlite.evaluation.report import text_table
    from mmlite.support.quiet import quiet_log
    from mmlite.visualization.comparison import (
        Compared,
        check_comparable,
        check_same_truth,
        comparison_page,
        difference_rows,
        figure_rows,
        headline_text,
    )

    check_comparable(first.dataset, second.dataset, args.first, args.second)
    check_same_truth(first.judged, second.judged, args.first, args.second)
    with quiet_log():  # the metric's own tables; both are in the page
        figures = [figures_of(sources[0], first_cfg, found) for found in (first, second)]
        name, rule = headline_of(sources[0], first_cfg, figures[0])
    counted = rule or ApRule()
    difference = paired_difference(
        first.judged_by(counted), second.judged_by(counted), args.rounds, points=counted.points
    )
    compared = Compared(
        names=(args.first, args.second),
        headline=headline_text(name, *figures),
        figures=figure_rows(name, *figures),
        rule=counted,
        is_headline=rule is not None,
        classes=difference_rows(difference, first.dataset.classes),
        config=config_difference(first_cfg, second_cfg),
    )
    out = Path(args.out)
    make_folder(out.parent)
    write_text(out, comparison_page(compared, first, second))
    print(f'{counted}:')
    print(text_table(compared.classes))
    print(f'comparison: {out}')
    print(compared.headline)
