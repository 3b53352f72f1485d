"""Prints how each family of the corpus was answered."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from terminaltables import AsciiTable

from tests.corpus.case import ANSWERS

# a case that pytest skipped did not run on this machine; it was not skipped by mmlite
NOT_PASSED = dict(failed='failed', skipped='not run')


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    families: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ('passed', 'failed', 'skipped'):
        for report in terminalreporter.getreports(outcome):
            properties = dict(getattr(report, 'user_properties', []))
            if 'family' in properties and (report.when == 'call' or outcome == 'skipped'):
                family = families[properties['family']]
                family['cases'] += 1
                family[properties['answer'] if outcome == 'passed' else NOT_PASSED[outcome]] += 1
    if not families:
        return
    columns = ('cases', *ANSWERS, *NOT_PASSED.values())
    rows = [[name, *(family[c] for c in columns)] for name, family in sorted(families.items())]
    total = sum(families.values(), Counter())
    rows.append(['all', *(total[c] for c in columns)])
    as_documented = total['cases'] - sum(total[column] for column in NOT_PASSED.values())
    terminalreporter.write_line('')
    terminalreporter.write_line(AsciiTable([['family', *columns], *rows]).table)
    terminalreporter.write_line(f'{as_documented} of {total["cases"]} answered as documented')
