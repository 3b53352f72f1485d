"""Kills trainings at random and resumes them: do they end as one that was never interrupted?"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import config_from, config_parser, run, train_from_scratch
from mmlite.cli.parser import VerbParser
from mmlite.errors import RunError


class UnequalRunsError(RunError):
    """A resumed run ended with other weights."""


def build_parser() -> VerbParser:
    parser = config_parser('verify_resume', __doc__, 'configs/ssd/ssd_demo.py --trials 3')
    add = parser.group('running')
    add('--trials', type=int, default=20, help='how many trainings to kill (20)')
    # not args.iters, the length of the config
    add('--iters', dest='length', type=int, default=30, help='iterations of each, at least 6 (30)')
    add('--processes', type=int, default=1, help='processes of each, by torchrun (1)')
    add('--seed', type=int, default=0, help='of the places where they are killed (0)')
    add(
        '--without-random-state',
        action='store_true',
        help='do not restore the random state: the runs must then be unequal',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), verify_resume, argv)


def verify_resume(args: argparse.Namespace) -> None:
    """Prints a line for each trial; the last line says how many were equal."""
    cfg = config_from(args)
    train_from_scratch(cfg)

    from lab.verify_resume.verify import verify

    equal = 0
    with tempfile.TemporaryDirectory(prefix='verify_resume_') as folder:
        trials = verify(
            cfg,
            Path(folder),
            args.trials,
            args.length,
            args.processes,
            args.seed,
            restore=not args.without_random_state,
        )
        for number, trial in enumerate(trials, 1):
            equal += trial.equal
            print(
                f'{number:3} {trial.point}: {trial.found[:16]}, uninterrupted '
                f'{trial.expected[:16]}: {"equal" if trial.equal else "UNEQUAL"}',
                flush=True,
            )
    print(f'{equal} of {args.trials} equal')
    if equal < args.trials:
        raise UnequalRunsError('a resumed run differs from the uninterrupted one')
