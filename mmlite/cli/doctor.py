"""Looks for faults in a config and its data within a minute."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmlite.cli.common import (
    add_length_flags,
    config_from,
    config_parser,
    run,
    train_from_scratch,
)
from mmlite.cli.parser import VerbParser
from mmlite.errors import RunError
from mmlite.tools.doctor import QUESTIONS

SECONDS = 60


class ErrorsFoundError(RunError):
    """At least one check has found an error."""


def build_parser() -> VerbParser:
    questions = '\n'.join(f'  {name:14} {question}' for name, question in QUESTIONS.items())
    parser = config_parser('doctor', __doc__, 'configs/ssd/ssd_demo.py')
    parser.epilog = (
        f'checks:\n{questions}\n\nexit status: 0 no error, 1 errors found, 2 the config '
        f'cannot be read\n\n{parser.epilog}'
    )
    add_length_flags(parser)
    add = parser.group('running')
    add('--full', action='store_true', help=f'look at all images, for longer than {SECONDS} s')
    add(
        '--only',
        nargs='+',
        action='extend',
        choices=QUESTIONS,
        default=[],
        metavar='CHECK',
        help='only these',
    )
    add = parser.group('model and weights')
    add('--from-scratch', action='store_true', help='do without pretrained weights')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), doctor, argv)


def doctor(args: argparse.Namespace) -> None:
    """Prints each finding as it comes; the last line counts them."""
    cfg = config_from(args)
    if args.from_scratch:
        train_from_scratch(cfg)
    started = time.monotonic()

    from mmlite.tools.doctor.context import Context
    from mmlite.tools.doctor.examine import examine

    context = Context(cfg, fetch_weights=not args.demo_data, full=args.full, seconds=SECONDS)
    found: Counter[str] = Counter()
    with _quiet_log():
        for finding in examine(context, args.only):
            print(finding, flush=True)
            found[finding.verdict] += 1
    counts = ', '.join(f'{count} {verdict}' for verdict, count in found.items())
    print(f'{counts}; {time.monotonic() - started:.0f} s')
    if found['error']:
        number = found['error']
        raise ErrorsFoundError(f'{number} error{"s" * (number > 1)} in {args.config}')


@contextmanager
def _quiet_log() -> Iterator[None]:
    """Findings say what the log would."""
    from mmengine.logging import MMLogger

    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('ERROR')
    try:
        yield
    finally:
        logger.setLevel(level)
