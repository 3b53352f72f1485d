from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.benchmark.report import Report, describe_machine, has_bfloat16_instructions

REPORT = Report('step', [dict(model='a', s=0.123456, peer=None)], dict(rounds=3), ['A note.'])


def test_the_table_rounds_and_marks_what_is_missing() -> None:
    lines = REPORT.text().splitlines()
    assert lines[0] == 'step: rounds 3'
    assert [cell.strip() for cell in lines[4].strip('|').split('|')] == ['a', '0.1235', '-']
    assert lines[-2] == 'A note.'
    assert 'torch ' in lines[-1]


def test_the_file_holds_all_digits(tmp_path: Path) -> None:
    REPORT.save(tmp_path / 'out.json')
    saved = json.loads((tmp_path / 'out.json').read_text())
    assert saved['rows'] == REPORT.rows
    assert saved['settings'] == dict(rounds=3)
    assert saved['notes'] == ['A note.']
    assert saved['machine'] == describe_machine()


@pytest.mark.parametrize(
    ('flags', 'expected'),
    [
        ('flags\t\t: fpu avx512f avx512_bf16\n', True),
        ('Features\t: fp asimd bf16\n', True),
        ('flags\t\t: fpu avx512f\n', False),
        ('', False),
    ],
)
def test_bfloat16_is_looked_for_in_the_flags(monkeypatch, flags: str, expected: bool) -> None:
    monkeypatch.setattr(Path, 'read_text', lambda self, encoding: flags)
    assert has_bfloat16_instructions() is expected
