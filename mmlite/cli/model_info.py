"""Parameters, multiply-adds and priors of models, as a Markdown table or by part."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmlite.cli.common import add_flags, load_config_of, run, verb_parser
from mmlite.cli.parser import VerbParser

if TYPE_CHECKING:
    from mmlite.models.complexity import Complexity

NOTE = (
    'counted: the multiply-adds of convolutions and matrix products, which papers and mmdet call '
    "FLOPs; torch's own count is twice that. Left out: norms, activations, post-processing"
)


def build_parser() -> VerbParser:
    parser = verb_parser('model_info', __doc__, 'configs/ssd/ssd300_voc.py configs/*/*_bccd.py')
    add_model_arguments(parser)
    parser.group('output')(
        '--parts', action='store_true', help='a table of the parts of each model (get_flops)'
    )
    return parser


def add_model_arguments(parser: VerbParser) -> None:
    """Adds the configs, and what changes them."""
    add = parser.add_argument
    add('configs', nargs='+', metavar='CONFIG', help='config files')
    parser.group('running')(
        '--size', nargs=2, type=int, metavar=('W', 'H'), help="input (the test pipeline's)"
    )
    add_flags(parser, '--cfg-options', '--safe-config')


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), info, argv)


def info(args: argparse.Namespace) -> None:
    """Prints a row for each config, or with `--parts` a table for each."""
    import torch

    from mmlite.engine.parts import Parts

    if not args.parts:
        print('| config | input | parameters | trained | multiply-adds | priors |')
        print('|---|---|---|---|---|---|')
    for path in args.configs:
        cfg = load_config_of(path, args.safe_config, args.cfg_options)
        with torch.device('meta'):  # nothing is drawn
            found = Parts(cfg).complexity(args.size)
        if args.parts and len(args.configs) > 1:
            print(f'{path}:')
        print(_parts(found) if args.parts else _row(Path(path).stem, found), flush=True)
    if args.parts:
        print(NOTE)


def _row(name: str, found: Complexity) -> str:
    return (
        f'| {name} | {found.size[0]}x{found.size[1]} '
        f'| {found.parameters / 1e6:.2f} M | {found.trained / 1e6:.2f} M '
        f'| {found.multiply_adds / 1e9:.1f} G | {_priors(found)} |'
    )


def _priors(found: Complexity) -> str:
    return 'no' if found.priors is None else f'{found.priors:,}'


def _parts(found: Complexity) -> str:
    """The input and a table of the parts; the last row is the whole."""
    from terminaltables import AsciiTable

    whole = dict(found.parts, all=(found.parameters, found.multiply_adds))
    rows = [
        [name, f'{parameters / 1e6:.2f} M', f'{operations / 1e9:.2f} G']
        for name, (parameters, operations) in whole.items()
    ]
    table = AsciiTable([['part', 'parameters', 'multiply-adds'], *rows]).table
    return f'input: {found.size[0]}x{found.size[1]}, {_priors(found)} priors\n{table}'
