"""Trains an SSD on the embedded set, tests it, draws detections and curves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli import test as test_cli
from mmlite.cli import train as train_cli
from mmlite.cli.common import add_flags, run, verb_parser
from mmlite.cli.parser import VerbParser
from mmlite.config.own_files import CONFIGS

CONFIG = str(CONFIGS / 'ssd' / 'ssd_demo.py')


def build_parser() -> VerbParser:
    parser = verb_parser('demo', __doc__, '--work-dir work_dirs/demo')
    parser.group('config and plugins')(
        '--config', default=CONFIG, help=f'a config that draws its own data ({CONFIG})'
    )
    parser.group('output')(
        '--work-dir', metavar='DIR', default='work_dirs/demo', help='where everything is written'
    )
    add_flags(parser, '--cfg-options')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), demo, argv)


def demo(args: argparse.Namespace) -> None:
    """The steps of a user, one after the other: train, test, look."""
    from mmlite.checkpoints.file import last_checkpoint
    from mmlite.visualization import plot_curves

    work_dir = Path(args.work_dir)
    common = ['--work-dir', str(work_dir)]
    if args.cfg_options:
        common += ['--cfg-options', *args.cfg_options]
    train_cli.train(train_cli.build_parser().parse_args([args.config, *common]))
    scalars = max(work_dir.glob('*/vis_data/scalars.json'))
    plot_curves(scalars, work_dir / 'curves.png')
    checkpoint = last_checkpoint(work_dir)
    show = ['--show-dir', str(work_dir / 'pictures'), '--show-score-thr', '0.5']
    test_cli.test(test_cli.build_parser().parse_args([args.config, checkpoint, *common, *show]))
    print(f'pictures of the detections: {work_dir / "pictures"}, sheet.jpg first')
    print(f'curves of the training:     {work_dir / "curves.png"}')
