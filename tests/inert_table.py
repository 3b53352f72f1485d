"""The table of docs/migrating.md of arguments that change nothing, as INERT has them.

python -m tests.inert_table      # writes it between its markers
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from lab.scoreboard.table import write_between
from mmlite.registry.inert import INERT

PAGE = Path(__file__).resolve().parents[1] / 'docs' / 'migrating.md'
BEGIN = '<!-- inert arguments: written by `python -m tests.inert_table` -->'
END = '<!-- end of the inert arguments -->'


def table() -> str:
    """A row for each set of arguments, with the classes that accept it."""
    classes: dict[str, list[str]] = defaultdict(list)
    for name, arguments in INERT.items():
        cell = ', '.join(f'`{key}={value!r}`' for key, value in arguments.items())
        classes[cell].append(f'`{name}`')
    rows = [f'| {", ".join(names)} | {cell} |' for cell, names in classes.items()]
    return '\n'.join(['| class | argument |', '|---|---|', *rows])


if __name__ == '__main__':
    write_between(PAGE, BEGIN, END, table())
