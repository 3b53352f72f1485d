"""Parameters and operations of the models of one or several configs, as a Markdown table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run

EXAMPLE = 'example: python tools/model_info.py configs/ssd/ssd300_voc.py configs/*/*_bccd.py'


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='model_info', description=__doc__, epilog=EXAMPLE)
    add = parser.add_argument
    add('configs', nargs='+', metavar='CONFIG', help='config files')
    add('--size', nargs=2, type=int, metavar=('W', 'H'), help="input (the test pipeline's)")
    add('--traceback', action='store_true', help='show the traceback of a mistake too')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), info, argv)


def info(args: argparse.Namespace) -> None:
    """Prints a row for each config."""
    from mmlite.config import load_config
    from mmlite.models.complexity import measure

    print('| config | input | parameters | trained | multiply-adds | priors |')
    print('|---|---|---|---|---|---|')
    for path in args.configs:
        found = measure(load_config(path), tuple(args.size) if args.size else None)
        print(
            f'| {Path(path).stem} | {found.size[0]}x{found.size[1]} '
            f'| {found.parameters / 1e6:.2f} M | {found.trained / 1e6:.2f} M '
            f'| {found.multiply_adds / 1e9:.1f} G | {found.priors:,} |',
            flush=True,
        )
