"""Pages and code are free of the phrases in CONTRIBUTING.md (`python -m tests.plain_english`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plain_english import CODE, PAGES, Row, all_hits, hits, prose, word_list

CHECKED = (*PAGES, *CODE)
DEPEND = Row(['hang on', 'hangs on'], 'depend on', ['hang on a wall'])


@pytest.mark.parametrize('name', CHECKED)
def test_plain_english(name: str) -> None:
    found = all_hits(name)
    assert not found, '\n'.join(map(str, found))


def test_the_list_is_read() -> None:
    rows = word_list()
    assert len(rows) > 20 and all(row.phrases and row.instead for row in rows)


def test_a_phrase_is_found_with_its_line() -> None:
    text = 'One.\nTwo things hang\non it. Hangs on, too.\n'
    assert [(hit.line, hit.phrase) for hit in hits(text, 'a.md', [DEPEND])] == [
        (2, 'hang on'),
        (3, 'hangs on'),
    ]


def test_what_is_allowed_and_parts_of_words_are_not_found() -> None:
    assert not hits('Pictures hang on a wall; changs on.', 'a.md', [DEPEND])


def test_code_is_left_out(tmp_path: Path) -> None:
    page, file = tmp_path / 'a.md', tmp_path / 'a.py'
    page.write_text('`hang on`\n```text\nhang on\n```\nhangs on\n', 'utf-8')
    assert [hit.line for hit in hits(prose(page), 'a.md', [DEPEND])] == [5]
    file.write_text("told = 1  # they hang\n# on it\nx = f'hangs on {told}'\n", 'utf-8')
    told = Row(['told'], 'given', [])
    found = hits(prose(file), 'a.py', [DEPEND, told])
    assert [(hit.line, hit.phrase) for hit in found][:2] == [(1, 'hang on'), (3, 'hangs on')]
