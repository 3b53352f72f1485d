"""Lists the classes that a config can name as `type`: place, arguments, purpose."""

from __future__ import annotations

import argparse
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence

from mmlite.cli.common import add_flags, run, verb_parser
from mmlite.cli.parser import VerbParser
from mmlite.errors import UnknownTypeError, UserError, did_you_mean
from mmlite.registry.plugins import import_installed_plugins, import_plugins

_PARAGRAPH = textwrap.TextWrapper(
    100,
    initial_indent=' ' * 6,
    subsequent_indent=' ' * 7,
    break_long_words=False,
    break_on_hyphens=False,
)


def build_parser() -> VerbParser:
    parser = verb_parser('list_registry', __doc__, '--registry HEADS BACKBONES', 'SSDHead Resize')
    add = parser.add_argument
    add('names', nargs='*', metavar='NAME', help='only the classes of these names')
    parser.group('output')(
        '--registry',
        nargs='+',
        action='extend',
        metavar='NAME',
        help='only these registries, such as HEADS',
    )
    add_flags(parser, '--plugin')
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    return run(build_parser(), list_registry, argv)


def list_registry(args: argparse.Namespace) -> None:
    """Prints a paragraph for each class, under the name of its registry.

    Installed plugin packages are imported first.

    Raises:
        UserError: there is no such registry.
        UnknownTypeError: no registry that is listed has such a class.
    """
    import_plugins(args.plugin)
    import_installed_plugins()

    from mmlite.registry import registries

    known = registries()
    for name in args.registry or ():
        if name not in known:
            raise UserError(
                f"--registry: there is no '{name}'.{did_you_mean(name, known)} "
                f'Known: {", ".join(known)}.'
            )
    names = {
        title: sorted(set(registry.names()))
        for title, registry in known.items()
        if title in (args.registry or known)
    }
    _check_known(args.names, names, ' or '.join(args.registry or ['any registry']))
    for title, registered in names.items():
        shown = [name for name in registered if not args.names or name in args.names]
        if shown:
            print(title)
        for name in shown:
            print('\n'.join(_description(name, known[title].find(name, title))))


def _check_known(wanted: Sequence[str], names: dict[str, list[str]], where: str) -> None:
    listed = {name for registered in names.values() for name in registered}
    for name in wanted:
        if name not in listed:
            raise UnknownTypeError(f"'{name}' is not in {where}.{did_you_mean(name, listed)}")


def _description(name: str, cls: Callable) -> Iterator[str]:
    """Yields name and place, then the arguments, then the first line of the docstring."""
    from mmlite.tools.explain.places import place

    yield f'  {name}  {place(cls)}'
    yield _PARAGRAPH.fill(f'({_arguments(cls)})')
    summary = (inspect.getdoc(cls) or '').partition('\n')[0]
    if summary:
        yield f'      {summary}'


def _arguments(cls: Callable) -> str:
    """The arguments with their defaults; annotations would make it three times as long."""
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):  # some classes written in C have no signature
        return '...'
    return ', '.join(str(p.replace(annotation=p.empty)) for p in parameters)
