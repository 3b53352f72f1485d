"""The code in a Markdown page: its blocks, its commands, and what it names in passing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

from tests.runs import CHECKOUT

COMMANDS = ('', 'bash')  # an indented block has no language
SHOWN = ('text', 'json', 'xml', 'yaml')  # output and data: to read, not to run

_MARKDOWN = MarkdownIt('commonmark').enable('table')


class Block(NamedTuple):
    """A block of code: `page` from the checkout, `line` its first, `language` '' if indented."""

    page: str
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f'{self.page}:{self.line}'

    @property
    def file(self) -> str | None:
        """The file that the block is to be saved as: '# NAME.py' in its first line says it."""
        found = re.match(r'# ([\w/.-]+\.py)\n', self.text)
        return found[1] if found else None


class Command(NamedTuple):
    """A command: its place, the environment variables that it sets, and its words."""

    place: str
    environment: tuple[str, ...]
    words: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join(self.words)


def pages(*patterns: str) -> list[str]:
    """Returns the pages that match, as paths from the checkout."""
    found = [path for pattern in patterns for path in CHECKOUT.glob(pattern)]
    return sorted(path.relative_to(CHECKOUT).as_posix() for path in found)


def blocks(page: str) -> list[Block]:
    """Returns the blocks of code of a page, in order."""
    tokens = _MARKDOWN.parse(Path(CHECKOUT, page).read_text('utf-8'))
    return [
        Block(page, token.map[0] + 1, token.info.split()[0] if token.info else '', token.content)
        for token in tokens
        if token.type in ('fence', 'code_block')
    ]


def inline_code(page: str) -> list[str]:
    """Returns the texts `between backticks` in a page."""
    tokens = _MARKDOWN.parse(Path(CHECKOUT, page).read_text('utf-8'))
    inline = [child for token in tokens for child in token.children or ()]
    return [token.content for token in inline if token.type == 'code_inline']


def commands(block: Block) -> Iterator[Command]:
    """Yields the commands of a block: one a line, or several joined by '&&'."""
    lines = block.text.replace('\\\n', ' ').splitlines()
    for line in lines:
        words = shlex.split(line, comments=True)
        while words:
            end = words.index('&&') if '&&' in words else len(words)
            command, words = words[:end], words[end + 1 :]
            first = next(i for i, word in enumerate(command) if not re.match(r'[A-Z_]+=', word))
            yield Command(block.place, tuple(command[:first]), tuple(command[first:]))


def without_comments(block: Block) -> str:
    """Returns the code of a block without what is said beside it."""
    lines = [re.sub(r'(^|\s)#(?! [\w/.-]+\.py$).*', '', line) for line in block.text.splitlines()]
    return '\n'.join(line.rstrip() for line in lines)
