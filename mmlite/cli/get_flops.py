"""Operations and parameters of a model and its parts, for one image."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmlite.cli.common import add_cfg_options, load_config_of, run

EXAMPLE = 'example: python tools/get_flops.py configs/ssd/ssd300_voc.py'
NOTE = (
    'counted: the multiply-adds of convolutions and matrix products, which papers and mmdet call '
    "FLOPs; torch's own count is twice that. Left out: norms, activations, post-processing"
)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='get_flops', description=__doc__, epilog=EXAMPLE)
    add = parser.add_argument
    add('config', help='a config file')
    add('--size', nargs=2, type=int, metavar=('W', 'H'), help="input (the test pipeline's)")
    add_cfg_options(parser)
    add('--safe-config', action='store_true', help='as in train')
    add('--traceback', action='store_true', help='show the traceback of a mistake too')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), get_flops, argv)


def get_flops(args: argparse.Namespace) -> None:
    """Prints a table of the parts; the last row is the whole."""
    from terminaltables import AsciiTable

    from mmlite.models.complexity import measure

    cfg = load_config_of(args.config, args.safe_config, args.cfg_options)
    found = measure(cfg, tuple(args.size) if args.size else None)
    whole = dict(found.parts, all=(found.parameters, found.multiply_adds))
    rows = [
        [name, f'{parameters / 1e6:.2f} M', f'{operations / 1e9:.2f} G']
        for name, (parameters, operations) in whole.items()
    ]
    print(f'input: {found.size[0]}x{found.size[1]}, {found.priors:,} priors')
    print(AsciiTable([['part', 'parameters', 'multiply-adds'], *rows]).table)
    print(NOTE)
