"""Draws samples as the model gets them, or after each transform."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmlite.cli.common import config_from, config_parser, run
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError
from mmlite.support.files import make_folder

_CELL = (480, 400)


def build_parser() -> VerbParser:
    parser = config_parser('browse_dataset', __doc__, 'configs/ssd/ssd_demo.py --stages --images 4')
    add = parser.group('data')
    add(
        '--split',
        choices=('train', 'val', 'test'),
        default='train',
        help='whose dataloader is looked at (train)',
    )
    add('--images', type=int, default=36, metavar='N', help='how many, evenly spread (36)')
    add('--seed', type=int, default=0, metavar='N', help='of what the transforms draw (0)')
    add = parser.group('output')
    add('--out', type=Path, metavar='DIR', help='where the sheets go (WORK_DIR/browse)')
    add('--on-sheet', type=int, default=12, metavar='N', help='pictures on a sheet (12)')
    add('--stages', action='store_true', help='a sheet for each image: it after each transform')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), browse, argv)


def browse(args: argparse.Namespace) -> None:
    """Writes the sheets and prints their names."""
    for flag in ('images', 'on_sheet'):
        if getattr(args, flag) < 1:
            raise ConfigError(f'--{flag.replace("_", "-")}: a number from 1 up is expected')
    cfg = config_from(args)
    loader = cfg.get(f'{args.split}_dataloader')
    if not loader:
        raise ConfigError(f'{args.config}: it has no {args.split}_dataloader')

    from mmlite.datasets import build_dataset
    from mmlite.datasets.auto_classes import settle_classes
    from mmlite.support.arrays import evenly_spread
    from mmlite.support.progress import progress
    from mmlite.tools.dataset_analysis.browse import model_views, preprocessor_of, stage_views
    from mmlite.visualization import contact_sheet, write_jpeg

    settle_classes(cfg)
    dataset = build_dataset(loader.dataset, at=f'{args.split}_dataloader.dataset')
    folder = make_folder(args.out or Path(cfg.work_dir) / 'browse')
    inds = evenly_spread(len(dataset), args.images)
    if args.stages:
        sheets = ((f'stages_{i:05d}', stage_views(dataset, i, args.seed)) for i in inds.tolist())
    else:
        preprocessor = preprocessor_of(cfg.get('model'))
        views = (
            view for i in inds.tolist() for view in model_views(dataset, i, preprocessor, args.seed)
        )
        sheets = enumerate_sheets(args.split, views, args.on_sheet)
    count = len(inds) if args.stages else -(-len(inds) // args.on_sheet)
    for name, pictures in progress(sheets, 'drawing sheets', count):
        path = folder / f'{name}.jpg'
        write_jpeg(contact_sheet(pictures, columns=4, cell=_CELL), path)
        print(f'written: {path} ({len(pictures)} pictures)')


def enumerate_sheets(name: str, views: Iterator[Any], size: int) -> Iterator[tuple[str, list[Any]]]:
    """Yields the name of each sheet and up to `size` views on it; no more are kept at once."""
    for number in itertools.count():
        pictures = list(itertools.islice(views, size))
        if not pictures:
            return
        yield f'{name}_{number:03d}', pictures
