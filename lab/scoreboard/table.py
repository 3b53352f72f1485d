"""The scoreboard as Markdown, and its place in a page."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lab.scoreboard.judge import Outcome
from mmlite.errors import DataError

BEGIN = '<!-- scoreboard: written by `python tools/scoreboard.py` -->'
END = '<!-- end of the scoreboard -->'
TOTAL = '**all**'


def markdown(outcomes: Sequence[Outcome]) -> str:
    """A row for each folder, the totals, and how often each reason comes."""
    folders = sorted({outcome.folder for outcome in outcomes})
    tried = any(outcome.step is not None for outcome in outcomes)
    head = ['folder', 'configs', 'with a model', 'build', *(['train and test'] if tried else [])]
    rows = [_row(f'`{name}`', [o for o in outcomes if o.folder == name], tried) for name in folders]
    lines = [*_table(head, [*rows, _row(TOTAL, outcomes, tried)]), '']
    reasons = Counter(outcome.reason for outcome in outcomes if outcome.reason)
    counted = [[reason, count] for reason, count in reasons.most_common()]
    return '\n'.join([*lines, *_table(['why not', 'configs'], counted)])


def write_csv(file: Path, outcomes: Sequence[Outcome]) -> None:
    """Writes a line for each config, with the whole message of its error."""
    with file.open('w', encoding='utf-8', newline='') as stream:
        writer = csv.writer(stream)
        writer.writerow(Outcome._fields)
        writer.writerows(outcomes)


def _row(name: str, outcomes: Sequence[Outcome], tried: bool) -> list:
    models = [outcome for outcome in outcomes if outcome.holds_model]
    built = sum(not outcome.reason for outcome in models)
    stepped = sum(outcome.step == '' for outcome in models)
    return [name, len(outcomes), len(models), built, *([stepped] if tried else [])]


def _table(head: Sequence[str], rows: Sequence[Sequence]) -> list[str]:
    lines = [head, ['---', *['---:'] * (len(head) - 1)], *rows]
    return ['| ' + ' | '.join(map(str, line)) + ' |' for line in lines]


def write_between(page: Path, begin: str, end: str, text: str) -> None:
    """Puts a text between two lines of a page, in the place of what is there.

    Raises:
        DataError: the page lacks one of them.
    """
    before, found, rest = page.read_text(encoding='utf-8').partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise DataError(f'{page}: it needs the lines {begin!r} and {end!r}, the table goes between')
    page.write_text(f'{before}{begin}\n\n{text}\n\n{end}{after}', encoding='utf-8')
