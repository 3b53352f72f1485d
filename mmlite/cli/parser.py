"""The parser of a verb: its flags in groups, a short usage, mistakes in one line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from mmlite.errors import nearest
from mmlite.version import __version__

# of the flags, in the order of the help
GROUPS = (
    'data',
    'model and weights',
    'running',
    'output',
    'config and plugins',
    'this command',
)


class VerbParser(argparse.ArgumentParser):
    """An ArgumentParser whose flags are in `GROUPS`; an empty group is not shown."""

    def group(self, title: str) -> Callable[..., argparse.Action]:
        """Returns the `add_argument` of one of `GROUPS`."""
        return self.group_of(title).add_argument

    def group_of(self, title: str) -> argparse._ArgumentGroup:
        """Returns one of `GROUPS` itself."""
        return next(group for group in self._action_groups if group.title == title)

    def format_help(self) -> str:
        """As argparse's; the usage has only what has to be there."""
        needed = [a for a in self._actions if a.required]
        self.usage = ' '.join([self.prog, *map(_shown, needed), '[flags]']).replace('%', '%%')
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Ends with one line, which has the nearest flags in it, and status 2."""
        flags = [flag for action in self._actions for flag in action.option_strings]
        unknown = re.findall(r'(?<!\S)--[\w-]+', message.partition('unrecognized arguments:')[2])
        words = [flag.lstrip('-') for flag in flags]  # dashes would make all of them alike
        close = [
            f'--{near[0]}' for flag in unknown if (near := nearest(flag.lstrip('-'), words, 1))
        ]
        near = f' Did you mean {" and ".join(map(repr, close))}?' if close else ''
        if unknown and not near and '--cfg-options' in flags:
            near = ' Keys of the config are set by --cfg-options KEY=VALUE'
        self.exit(2, f'{self.prog}: {message}{"." * bool(near)}{near} (--help lists all flags)\n')


def grouped_parser(**settings: Any) -> VerbParser:
    """Makes a parser with all groups, and with the flags that every verb has.

    Args:
        settings: of argparse.ArgumentParser.
    """
    parser = VerbParser(
        **settings, add_help=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser._positionals.title = 'arguments'
    for title in GROUPS:
        parser.add_argument_group(title)
    add = parser.group('this command')
    add('-h', '--help', action='help', help='show this and end')
    add('--version', action='version', version=f'mmlite {__version__}', help='show it and end')
    add('--traceback', action='store_true', help='show the traceback of a mistake too')
    return parser


def _shown(action: argparse.Action) -> str:
    """An argument as the usage has it: CONFIG, INPUT ..., --to {coco,voc}."""
    name = action.metavar or action.dest
    if action.choices and action.metavar is None:
        name = '{' + ','.join(map(str, action.choices)) + '}'
    many = ' ...' if action.nargs in ('+', '*', argparse.PARSER, argparse.REMAINDER) else ''
    flag = f'{action.option_strings[-1]} ' if action.option_strings else ''
    return f'{flag}{name}{many}'
