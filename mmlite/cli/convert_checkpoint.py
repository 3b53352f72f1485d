"""Writes a checkpoint in another layout, or without the optimiser; verifies it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmlite.cli.common import add_checkpoint_arguments, run, verb_parser
from mmlite.cli.parser import VerbParser


def build_parser() -> VerbParser:
    parser = verb_parser(
        'convert_checkpoint', __doc__, 'work_dirs/ssd300_voc/epoch_24.pth ssd300.pth --publish'
    )
    add = parser.add_argument
    add(
        'source',
        metavar='SOURCE',
        help='mmlite, mmdet 1.x to 3.x or torchvision: a file, a URL, torchvision://NAME',
    )
    add('target', metavar='TARGET', help='the file to write')
    add = parser.group('output')
    add(
        '--to',
        choices=('mmlite', 'mmdet-3.x', 'mmdet-1.x', 'torchvision'),
        default='mmlite',
        help='whose layout to write (mmlite)',
    )
    parser.group('model and weights')(
        '--config', metavar='CONFIG', help='of the model, where the checkpoint does not hold it'
    )
    add(
        '--publish',
        action='store_true',
        help='leave out the state of the optimiser, and put the hash into the name',
    )
    add_checkpoint_arguments(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), convert, argv)


def convert(args: argparse.Namespace) -> None:
    """Converts as the parsed command line says; the last line names the file."""
    from mmlite.config import load_config
    from mmlite.tools.conversion import convert_checkpoint

    path, report = convert_checkpoint(
        args.source,
        args.target,
        args.to,
        config=load_config(args.config) if args.config else None,
        publish=args.publish,
        trusted=args.trust_checkpoint,
        layout=args.checkpoint_layout,
        allow_partial=args.allow_partial,
    )
    print(report)
    size = path.stat().st_size / 2**20
    print(f'written in the layout of {args.to}, read back and equal: {path} ({size:.1f} MiB)')
