"""The minutes of docs/reading_order.md follow from the files, at 10 lines a minute."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.runs import CHECKOUT

PAGES = ('docs/reading_order.md', 'docs/zh/reading_order.md')
ROW = re.compile(r'^\| \d+ \| `(?P<file>[^`]+)` \|.*\| (?P<minutes>\d+) \|$', re.M)
STATED = re.compile(r'(\d+)\s(?:minutes|分钟)')
LINES_A_MINUTE, ROUNDED_TO = 10, 5


def rows(page: str) -> list[tuple[str, int]]:
    text = (CHECKOUT / page).read_text('utf-8')
    return [(row['file'], int(row['minutes'])) for row in ROW.finditer(text)]


def minutes(file: Path) -> float:
    """The lines that are not blank, at the speed of the page."""
    lines = [line for line in file.read_text('utf-8').splitlines() if line.strip()]
    return len(lines) / LINES_A_MINUTE


@pytest.mark.parametrize('page', PAGES)
def test_the_minutes_are_those_of_the_files(page: str) -> None:
    for file, stated in rows(page):
        computed = minutes(CHECKOUT / file)
        assert stated % ROUNDED_TO == 0
        # half of it for the rounding, and half for small changes of a file
        assert abs(stated - computed) <= ROUNDED_TO, f'{page}: {file} takes {computed:.1f} minutes'


@pytest.mark.parametrize('page', PAGES)
def test_the_sums_are_those_of_the_rows(page: str) -> None:
    taken = [minutes for _, minutes in rows(page)]
    assert len(taken) == 12
    stated = [int(found) for found in STATED.findall((CHECKOUT / page).read_text('utf-8'))]
    assert stated == [sum(taken), sum(taken[:7]), sum(taken[7:]), ROUNDED_TO]


def test_both_pages_have_the_same_rows() -> None:
    assert rows(PAGES[0]) == rows(PAGES[1])
