"""mmlite VERB ...: the command lines of `tools/`, from an installed package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from mmlite.cli.verbs import LABORATORY, VERBS, listing
from mmlite.errors import did_you_mean
from mmlite.support.pipes import dropping_unread_output
from mmlite.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb and returns its exit status; without a verb, lists them."""
    verb, *words = (sys.argv[1:] if argv is None else argv) or ('--help',)
    if verb in VERBS:
        return importlib.import_module(f'mmlite.cli.{verb}').main(words)
    with dropping_unread_output():
        if verb in ('-h', '--help'):
            print(listing())
            return 0
        if verb == '--version':
            print(f'mmlite {__version__}')
            return 0
        print(f'mmlite: {_problem_of(verb)}', file=sys.stderr)
        return 2


def _problem_of(verb: str) -> str:
    if verb in LABORATORY:
        return (
            f"'{verb}' is a tool of mmlite's developers and not in the package; in a checkout, "
            f'python tools/{verb}.py starts it'
        )
    return f"there is no verb '{verb}'.{did_you_mean(verb, VERBS)} mmlite --help lists all"


if __name__ == '__main__':
    sys.exit(main())
