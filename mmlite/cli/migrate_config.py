"""Turns a config of mmdet 1.x or 2.x into one for mmlite and mmdet 3.3.

Of 1.x SSD, RetinaNet and FCOS are known, of 2.x every one-stage head that mmlite has.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmlite.cli.common import run, verb_parser
from mmlite.cli.parser import VerbParser
from mmlite.errors import ConfigError


def build_parser() -> VerbParser:
    parser = verb_parser('migrate_config', __doc__, 'old/retinanet_r50_fpn_1x.py retinanet_new.py')
    add = parser.add_argument
    add('old', metavar='OLD', help='the config of mmdet 1.x or 2.x, read with its bases')
    add('new', metavar='NEW', help='the file to write, without bases')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), migrate_config, argv)


def migrate_config(args: argparse.Namespace) -> None:
    """Writes the new config; prints what changed and warns of what could not be mapped."""
    from terminaltables import AsciiTable

    from mmlite.tools.migrate import migrate, unmapped_text
    from mmlite.tools.migrate.verify import problem_of

    new = Path(args.new)
    _check_target(new, Path(args.old))
    migration = migrate(args.old)
    new.write_text(migration.text(), encoding='utf-8')
    rows = [[change.old, change.new, change.why] for change in migration.notes.changes]
    print(AsciiTable([[f'mmdet {migration.version}', 'now', 'why'], *rows]).table)
    for entry in migration.notes.unmapped:
        print(f'warning: not mapped: {unmapped_text(entry)}', file=sys.stderr)
    problem = problem_of(new)
    if problem:
        print(f'warning: {new} does not run yet: {problem}', file=sys.stderr)
    print(f'{new}: {len(rows)} changes, {len(migration.notes.unmapped)} not mapped')


def _check_target(new: Path, old: Path) -> None:
    if new.suffix != '.py':
        raise ConfigError(f'{new}: the new config is a Python file, its name ends in .py')
    if not new.parent.is_dir():
        raise ConfigError(f'{new}: there is no folder {new.parent}')
    if new.resolve() == old.resolve():
        raise ConfigError(f'{new}: the old config would be overwritten; choose another name')
