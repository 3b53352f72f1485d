"""Looks at a folder of annotated pictures and writes a config to train on them."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import command, run, verb_parser
from mmlite.cli.parser import VerbParser


def build_parser() -> VerbParser:
    parser = verb_parser(
        'init', __doc__, 'photos', r"photos --val-share 0.1 --groups '(.+)_\d+' --out cells"
    )
    parser.add_argument(
        'folder', metavar='FOLDER', type=Path, help='the pictures with their annotations'
    )
    add = parser.group('output')
    add(
        '--out',
        type=Path,
        metavar='DIR',
        help='where the config and its lists go (a folder in the current one, named after FOLDER)',
    )
    add('--force', action='store_true', help='overwrite a config that is there already')
    add = parser.group('data')
    add(
        '--layout',
        choices=('voc', 'coco', 'yolo', 'csv'),
        default='',
        help='the annotations to use, where there are several (those with more)',
    )
    add(
        '--val-share',
        type=float,
        default=0.2,
        metavar='SHARE',
        help='of the pictures that are for the validation, where FOLDER has no split (0.2)',
    )
    add('--seed', type=int, default=0, metavar='N', help='of that split (0)')
    add(
        '--groups',
        default='',
        metavar='REGEX',
        help='pictures whose names have the same first group stay in one part of the split',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), start, argv)


def start(args: argparse.Namespace) -> None:
    """Prints what was found and decided, and the next four commands."""
    import torch

    from mmlite.tools.init.start import Wishes, init

    wishes = Wishes(
        folder=args.folder,
        out=args.out or _own_folder(args.folder),
        layout=args.layout,
        share=args.val_share,
        seed=args.seed,
        groups=args.groups,
        force=args.force,
        gpu=torch.cuda.is_available(),
    )
    done = init(wishes, shlex.join(command('convert_dataset')))
    for title, lines in (('found', done.found), ('odd', done.odd), ('decided', done.decided)):
        for line in lines:
            print(f'{title}: {line}')
    print(f'written: {done.config}\n\nnext, one after the other:')
    work_dir = f'work_dirs/{done.config.stem}'
    for words in (
        [*command('browse_dataset'), str(done.config)],
        [*command('train'), str(done.config)],
        [*command('report'), work_dir],
        [*command('predict'), f'{work_dir}/epoch_{done.epochs}.pth', str(done.images)],
    ):
        print(f'  {shlex.join(words)}')


def _own_folder(folder: Path) -> Path:
    """A folder in the current one, named after the data; beside the data where that is in them."""
    data = folder.resolve()
    own = Path(data.name or 'pictures')
    if own.resolve().is_relative_to(data):
        return Path(os.path.relpath(data.parent / f'{own}_config'))
    return own
