"""The code that docs/ quotes is the code: a line `file.py:name` above a block names its place.

A block is quoted from the named class, function or method, or from the whole file where there is
only a path. It has to occur there line by line; indentation as a whole is left out.
"""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.runs import CHECKOUT

PAGES = sorted((CHECKOUT / 'docs').glob('*.md'))
QUOTE = re.compile(
    r'^`(?P<path>[\w/.-]+\.py)(?::(?P<name>[\w.]+))?`\n\n```python\n(?P<code>.*?)^```$', re.M | re.S
)


class Quote(NamedTuple):
    """A block of code in a page, and the place that the page names for it."""

    path: str
    name: str | None
    code: str


def quotes(page: str) -> list[Quote]:
    return [Quote(*found.group('path', 'name', 'code')) for found in QUOTE.finditer(page)]


def source(quote: Quote, root: Path = CHECKOUT) -> str:
    """The text of the function, method or class that a quote names; of the file without a name."""
    text = (root / quote.path).read_text('utf-8')
    if quote.name is None:
        return text
    node = ast.parse(text)
    for name in quote.name.split('.'):
        node = next(child for child in node.body if getattr(child, 'name', None) == name)
    return '\n'.join(text.splitlines()[node.lineno - 1 : node.end_lineno])


def occurs(code: str, text: str) -> bool:
    """Whether the lines of `code` follow each other in `text`, all indented by as much."""
    wanted, lines = textwrap.dedent(code).strip('\n').splitlines(), text.splitlines()
    return any(
        textwrap.dedent('\n'.join(lines[i : i + len(wanted)])).splitlines() == wanted
        for i in range(len(lines) - len(wanted) + 1)
    )


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_quoted_code_is_the_code(page: Path) -> None:
    for quote in quotes(page.read_text('utf-8')):
        assert occurs(quote.code, source(quote)), f'{quote.path}:{quote.name} has changed'


def test_each_block_of_the_detectors_page_names_its_source() -> None:
    page = (CHECKOUT / 'docs/detectors.md').read_text('utf-8')
    assert len(quotes(page)) == page.count('```python') > 20


def test_a_changed_line_is_noticed() -> None:
    text = 'def area(w, h):\n    if w < 0:\n        return 0\n    return w * h\n'
    assert occurs('if w < 0:\n    return 0\n', text)
    assert occurs('return w * h\n', text)
    assert not occurs('return w + h\n', text)
    assert not occurs('if w < 0:\n    return w * h\n', text)  # the line between is left out
    assert not occurs('if w < 0:\nreturn 0\n', text)  # another indentation


def test_a_quote_is_looked_for_in_its_own_function(tmp_path: Path) -> None:
    text = 'class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n'
    (tmp_path / 'a.py').write_text(text, 'utf-8')
    quote = Quote('a.py', 'A.g', 'return 1\n')
    assert occurs(quote.code, text) and not occurs(quote.code, source(quote, tmp_path))
