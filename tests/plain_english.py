"""Finds words of CONTRIBUTING.md's list in docs, comments, docstrings and messages.

`python -m tests.plain_english [PATH ...]` prints each place as `file:line: phrase -> what to write`
and the number of places in each folder. Without a path it searches the pages and all code.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.runs import CHECKOUT

PAGES = ('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs', 'examples', 'configs')
CODE = ('mmlite', 'lab', 'tools', 'tests')
DATA = CHECKOUT / 'tests/data'  # copies of other files, kept as they are
QUOTING = (CHECKOUT / 'CHANGELOG.md', CHECKOUT / 'tests/test_plain_english.py')
GAP = r'[\s#\'"]+'  # between two words: also the end of a comment's line, or of a string's


class Row(NamedTuple):
    """A row of the list: phrases not to write, what to write, and phrases that are good English."""

    phrases: list[str]
    instead: str
    allowed: list[str]


class Hit(NamedTuple):
    """A phrase in a file."""

    path: str
    line: int
    phrase: str
    instead: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: {self.phrase} -> {self.instead}'


def word_list() -> list[Row]:
    """The table of CONTRIBUTING.md: phrases are between backticks, what to write is free text."""
    page = (CHECKOUT / 'CONTRIBUTING.md').read_text('utf-8')
    table = page.split('| instead of | write | good English |\n|---|---|---|\n')[1].split('\n\n')[0]
    cells = [line.strip('|').split('|') for line in table.strip().splitlines()]
    return [
        Row(re.findall('`(.+?)`', bad), write.strip(), re.findall('`(.+?)`', good))
        for bad, write, good in cells
    ]


def hits(text: str, path: str, rows: list[Row]) -> list[Hit]:
    """The phrases of the list in a text: whole words, in small letters or as a sentence begins."""
    found = []
    for phrases, instead, allowed in rows:
        rest = text
        for phrase in allowed:
            rest = pattern(phrase).sub(lambda match: re.sub(r'\S', '_', match[0]), rest)
        for phrase in phrases:
            for match in pattern(phrase).finditer(rest):
                line = text.count('\n', 0, match.start()) + 1
                found.append(Hit(path, line, phrase, instead))
    return sorted(found, key=lambda hit: hit.line)


def pattern(phrase: str) -> re.Pattern:
    first, *others = phrase.split()
    first = f'[{first[0].upper()}{first[0]}]{re.escape(first[1:])}'
    return re.compile(rf'(?<![\w-]){GAP.join([first, *map(re.escape, others)])}(?![\w-])')


def prose(path: Path) -> str:
    """The sentences of a file, each in its line: no code, and of a page no block and no `code`."""
    text = path.read_text('utf-8')
    if path.suffix == '.py':
        return ''.join(_comments_and_strings(text))
    text = re.sub(r'^```.*?^```', _blank, text, flags=re.M | re.S)
    return re.sub(r'`[^`\n]+`', _blank, text)


def _blank(match: re.Match) -> str:
    return re.sub(r'\S', '_', match[0])


def _comments_and_strings(text: str) -> Iterator[str]:
    lines = text.splitlines(keepends=True)
    kept = [re.sub(r'\S', ' ', line) for line in lines]
    middle = getattr(tokenize, 'FSTRING_MIDDLE', None)  # from Python 3.12 on
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING, middle):
            (row, column), (last, end) = token.start, token.end
            for number in range(row, last + 1):
                start = column if number == row else 0
                stop = end if number == last else len(lines[number - 1])
                line = kept[number - 1]
                kept[number - 1] = line[:start] + lines[number - 1][start:stop] + line[stop:]
    yield from kept


def files(*names: str) -> list[Path]:
    """The pages and Python files under these paths; no translations, DATA or QUOTING files."""
    paths = [CHECKOUT / name for name in names]
    found = [
        file
        for path in paths
        for file in ([path] if path.is_file() else sorted(path.rglob('*')))
        if file.suffix in ('.md', '.py', '.yaml') and 'zh' not in file.parts
    ]
    return [file for file in found if not file.is_relative_to(DATA) and file not in QUOTING]


def all_hits(*names: str) -> list[Hit]:
    """The places in the files under these paths of the checkout."""
    rows = word_list()
    return [
        hit
        for file in files(*names)
        for hit in hits(prose(file), file.relative_to(CHECKOUT).as_posix(), rows)
    ]


if __name__ == '__main__':
    given = [Path(name).resolve().relative_to(CHECKOUT).as_posix() for name in sys.argv[1:]]
    listed = all_hits(*(given or (*PAGES, *CODE)))
    print(*listed, sep='\n')
    for name, count in sorted(Counter(hit.path.split('/')[0] for hit in listed).items()):
        print(f'{name}: {count}', file=sys.stderr)
