"""mmlite VERB ...: the command lines of `tools/`, from an installed package."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mmlite.cli.ending import ended, start
from mmlite.cli.verbs import LABORATORY, VERBS, listing
from mmlite.errors import UserError, did_you_mean
from mmlite.version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb and returns its exit status; without a verb, lists them."""
    verb, *words = (sys.argv[1:] if argv is None else argv) or ('--help',)
    if verb == 'help' and words:  # help train: train --help
        verb, words = words[0], ['--help']
    if verb in VERBS:
        return start(f'mmlite.cli.{verb}', words)
    return ended('mmlite', lambda: _without_verb(verb))


def _without_verb(word: str) -> None:
    if word in ('-h', '--help', 'help'):
        print(listing())
    elif word in ('-V', '--version', 'version'):
        print(f'mmlite {__version__}')
    else:
        raise UserError(_problem_of(word))


def _problem_of(verb: str) -> str:
    if verb in LABORATORY:
        return (
            f"'{verb}' is a tool of mmlite's developers and not in the package; in a checkout, "
            f'python tools/{verb}.py starts it'
        )
    if verb.startswith('-'):
        return f"a verb comes first, as in `mmlite train {verb}`; found '{verb}'. mmlite lists all"
    near = did_you_mean(verb.replace('-', '_'), VERBS)
    return f"there is no verb '{verb}'.{near} mmlite --help lists all"


if __name__ == '__main__':
    sys.exit(main())
