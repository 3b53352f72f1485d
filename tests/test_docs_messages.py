"""What docs/troubleshooting.md shows below a `$ python tools/...` is what the command prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest

from mmlite.datasets.demo import draw_demo_set
from tests.runs import CHECKOUT, cli

SHOWN = re.compile(r'^\$ python tools/(\w+)\.py (.*)\n((?:[^$`\n].*\n)+)', re.M)


class Shown(NamedTuple):
    """A command line of the page, and what it says that it prints."""

    verb: str
    arguments: str
    output: str


def shown() -> list[Shown]:
    page = (CHECKOUT / 'docs/troubleshooting.md').read_text('utf-8')
    return [Shown(*found) for found in SHOWN.findall(page)]


def in_one_line(text: str) -> str:
    return ' '.join(text.split())


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `pets`: 24 and 8 images in VOC layout, of cats and dogs."""
    folder = tmp_path_factory.mktemp('messages')
    draw_demo_set(folder / 'pets', ('cat', 'dog'), 24, 8, (112, 96), seed=0)
    return folder


@pytest.mark.parametrize('case', shown(), ids=range(len(shown())))
def test_the_message_is_what_the_command_prints(
    case: Shown, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CHECKOUT)
    words = shlex.split(case.arguments.replace('/path/to', folder.as_posix()))
    ended = cli(case.verb, *words)
    assert ended.status == 2
    said = in_one_line(ended.err.replace(str(folder), '/path/to'))
    expected = re.escape(in_one_line(case.output)).replace(r'\.\.\.', '.*')
    assert re.fullmatch(expected, said), said


def test_the_page_has_twenty_problems_and_shows_messages() -> None:
    page = (CHECKOUT / 'docs/troubleshooting.md').read_text('utf-8')
    numbers = re.findall(r'^### (\d+)\. ', page, re.M)
    assert numbers == [str(number) for number in range(1, 21)]
    assert len(shown()) == page.count('\n$ ') >= 8
