"""Runs every case; `conftest.py` prints the table of families at the end."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

import pytest

from tests.corpus.case import Case

HERE = Path(__file__).parent
FAMILIES = sorted(
    path.stem
    for path in HERE.glob('*.py')
    if path.stem not in ('__init__', 'case', 'conftest') and not path.stem.startswith('test_')
)


def all_cases() -> list[Case]:
    modules = [importlib.import_module(f'tests.corpus.{name}') for name in FAMILIES]
    return [case for module in modules for case in getattr(module, 'CASES', [])]


@pytest.mark.parametrize('case', all_cases(), ids=str)
def test_case(case: Case, tmp_path: Path, record_property) -> None:
    record_property('family', case.family)
    record_property('answer', case.answer)
    case.check(tmp_path)


def test_there_are_enough_and_each_once() -> None:
    counts = Counter(map(str, all_cases()))
    assert [name for name, count in counts.items() if count > 1] == []
    assert len(counts) >= 150
