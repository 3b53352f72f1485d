"""Shows caches and what a work dir holds, with their sizes; empties caches."""

from __future__ import annotations

import argparse
import math
import shlex
import time
from collections.abc import Sequence

from mmlite.cli.common import command, run, verb_parser
from mmlite.cli.parser import VerbParser
from mmlite.errors import UserError, did_you_mean


def build_parser() -> VerbParser:
    from mmlite.tools.caches import NAMES

    parser = verb_parser(
        'cache',
        __doc__,
        '',
        '--clear annotations demo --older-than 30',
        '--work-dir work_dirs/ssd_demo',
    )
    add = parser.group('running')
    add(
        '--clear',
        nargs='*',
        metavar='NAME',
        help=f'remove these caches, or all: {", ".join(NAMES)}. Only what mmlite made is removed',
    )
    add(
        '--older-than',
        type=float,
        metavar='DAYS',
        help='with --clear: only what was not used for this time',
    )
    add(
        '--work-dir',
        metavar='DIR',
        help='show instead what a work dir holds, and what of it may be deleted',
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), cache, argv)


def cache(args: argparse.Namespace) -> None:
    """Prints what there is, or what was removed."""
    if args.work_dir is not None:
        if args.clear is not None:
            raise UserError('--work-dir: nothing is removed there: it prints the command for it')
        _print_work_dir(args.work_dir)
    elif args.clear is None:
        if args.older_than is not None:
            raise UserError('--older-than is for --clear')
        _print_caches()
    else:
        if not 0 <= (args.older_than or 0) < math.inf:
            raise UserError(f'--older-than: days from 0 up are expected, found {args.older_than}')
        _clear(args.clear, args.older_than or 0)


def _print_caches() -> None:
    from mmlite.engine.process.disk_use import as_text
    from mmlite.support.cache import cache_dir
    from mmlite.tools.caches import find_caches, others_in, weights_dir

    rows = [('name', 'files', 'size', 'last use', 'what, where')]
    for one in find_caches():
        used = time.strftime('%Y-%m-%d', time.localtime(one.used)) if one.used else '-'
        rows.append((one.name, str(one.files), as_text(one.size), used, f'{one.what}: {one.place}'))
    _print_rows(rows)
    for folder in (cache_dir(), weights_dir()):
        others = others_in(folder)
        if others is not None:
            print(
                f'{folder}: {others.files} other files ({as_text(others.size)}), which mmlite did '
                'not make, and which stay'
            )
    clear = shlex.join([*command('cache'), '--clear'])
    print(f'{clear} [NAME ...] empties them; MMLITE_CACHE and TORCH_HOME move them')


def _clear(names: Sequence[str], older_than: float) -> None:
    from mmlite.engine.process.disk_use import as_text
    from mmlite.tools.caches import NAMES, clear, find_caches

    for name in names:
        if name not in NAMES:
            raise UserError(
                f"--clear: there is no cache '{name}'.{did_you_mean(name, NAMES)} There are "
                f'{", ".join(NAMES)}'
            )
    for one in find_caches(names):
        gone = clear(one, older_than)
        print(f'{one.name}: {gone.files} files removed, {as_text(gone.size)}: {one.place}')


def _print_work_dir(work_dir: str) -> None:
    from mmlite.engine.process.disk_use import as_text, names_of, parts_of

    parts = parts_of(work_dir)
    rows = [('size', 'may be deleted', 'what')]
    for part in parts:
        what = f'{part.what}: {names_of(part.paths)}'
        rows.append((as_text(part.size), '-' if part.is_needed else 'yes', what))
    rows.append((as_text(sum(part.size for part in parts)), '', f'all of {work_dir}'))
    _print_rows(rows)
    needless = [str(path) for part in parts if not part.is_needed for path in part.paths]
    if needless:
        print(f'to delete what may be deleted: {shlex.join(["rm", "-r", *needless])}')
    print(
        'A checkpoint to give away, without the state of the optimiser: '
        f'{shlex.join(command("convert_checkpoint"))} FILE NEW --publish'
    )


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Columns under each other; the last one is as long as it is."""
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    for *cells, last in rows:
        print('  '.join([f'{c:{w}}' for c, w in zip(cells, widths, strict=True)] + [last]))
