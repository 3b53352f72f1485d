"""Writes an HTML page: how good results are, and what is wrong with them."""

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
    read_source,
    subject_of,
)
from mmlite.support.files import make_folder, write_text


def build_parser() -> VerbParser:
    parser = verb_parser('report', __doc__, 'work_dirs/ssd_demo')
    add = parser.add_argument
    add('source', metavar='RESULTS|WORK_DIR', help='a .pkl of test.py --out, or a work dir')
    parser.group('output')(
        '--out', metavar='FILE', help='the page (report.html beside the results)'
    )
    add_source_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), report, argv)


def report(args: argparse.Namespace) -> None:
    """Writes the page and, beside it, the suspicious labels as a CSV file."""
    source = find_source(args.source, args.config)
    cfg, found = read_source(source, args)

    from mmlite.errors import DataError
    from mmlite.evaluation.suspect_gate import gate_text
    from mmlite.evaluation.suspicious import suspicions_csv
    from mmlite.visualization.result_report import CSV_NAME, report_page
    from mmlite.visualization.run_log import read_training

    try:
        log = read_training(source.work_dir) if source.work_dir else []
    except DataError:  # only tested there
        log = []
    out = Path(args.out or source.results.with_name('report.html'))
    make_folder(out.parent)
    title = f'Report on {Path(args.source).resolve().name}'
    subject, figures = subject_of(source, cfg, found), figures_of(source, cfg, found)
    write_text(out, report_page(title, subject, found, log, figures))
    write_text(out.with_name(CSV_NAME), suspicions_csv(found.suspicions))
    print(f'annotations to look at again: {len(found.suspicions)}, {out.with_name(CSV_NAME)}')
    print(gate_text(found.strengths))
    print(f'report: {out}')
