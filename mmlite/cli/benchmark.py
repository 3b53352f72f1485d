"""Measures mmlite, a peer and what neither can do without, by turns, in one run."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run

EXAMPLE = 'example: python tools/benchmark.py step --model ssd300 --rounds 7'


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='benchmark', description=__doc__, epilog=EXAMPLE)
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    for name, add_arguments in _VERBS.items():
        verb = verbs.add_parser(name, help=add_arguments.__doc__, description=add_arguments.__doc__)
        add_arguments(verb)
        verb.add_argument('--out', type=Path, metavar='FILE', help='write all of it as JSON too')
        verb.add_argument('--traceback', action='store_true', help='show the traceback of a mistake')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), benchmark, argv)


def benchmark(args: argparse.Namespace) -> None:
    """Runs one verb: its module's `measure` takes the verb's own arguments by name."""
    given = dict(vars(args))
    verb, out = given.pop('verb'), given.pop('out')
    given.pop('traceback')
    report = importlib.import_module(f'mmlite.benchmark.{verb}').measure(**given)
    print(report.text())
    if out is not None:
        report.save(out)


def _step(parser: argparse.ArgumentParser) -> None:
    """One training step: forward, losses, backward, SGD."""
    _add_model_arguments(parser, rounds=7)


def _infer(parser: argparse.ArgumentParser) -> None:
    """Detections of one batch, NMS included."""
    _add_model_arguments(parser, rounds=15)


def _add_model_arguments(parser: argparse.ArgumentParser, rounds: int) -> None:
    add = parser.add_argument
    add(
        '--model',
        nargs='+',
        dest='models',
        choices=('ssd300', 'retinanet', 'fcos'),
        default=['ssd300', 'retinanet', 'fcos'],
        help='all three if left out',
    )
    add('--device', default='cpu', help="'cpu' or 'cuda'")
    add('--rounds', type=int, default=rounds, help=f'timed runs of each ({rounds})')
    add('--threads', type=int, help='threads of torch on the CPU')


_VERBS = {'step': _step, 'infer': _infer}
