"""list_registry: names, places, arguments."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from mmlite.models.heads.ssd_head import SSDHead
from mmlite.registry import HEADS, registries
from tests.runs import CHECKOUT, cli

HEAD = """
from mmlite.registry import HEADS


@HEADS.register_module()
class HeadInAFile:
    '''Does nothing.

    At all.
    '''

    def __init__(self, num_classes: int, in_channels=(1, 2)):
        pass
"""


def listed(*words: object) -> list[str]:
    ended = cli('list_registry', *words)
    assert ended.status == 0, ended.err
    return ended.out.splitlines()


def refused(*words: object) -> str:
    ended = cli('list_registry', *words)
    assert (ended.status, ended.out) == (2, '')
    return ended.err


def test_a_paragraph_for_a_class() -> None:
    title, place, *arguments, summary = listed('SSDHead')
    line = inspect.getsourcelines(SSDHead)[1] + 1  # the first is the decorator's
    assert title == 'HEADS'
    assert place == f'  SSDHead  mmlite/models/heads/ssd_head.py:{line}'
    text = (CHECKOUT / 'mmlite/models/heads/ssd_head.py').read_text(encoding='utf-8')
    assert text.splitlines()[line - 1].startswith('class SSDHead(')
    assert arguments[0].startswith('      (num_classes, in_channels, anchor_generator, bbox_coder,')
    assert max(map(len, arguments)) <= 100
    assert summary.strip() == inspect.getdoc(SSDHead).splitlines()[0]


def test_a_registry_has_all_that_it_holds() -> None:
    title, *lines = listed('--registry', 'HEADS')
    assert title == 'HEADS'
    names = [line.split()[0] for line in lines if not line.startswith('   ')]
    assert names == sorted(HEADS.names())


def test_without_arguments_every_registry_is_there() -> None:
    lines = listed()
    assert [line for line in lines if not line.startswith(' ')] == list(registries())
    assert any(line.startswith('  SGD  ') for line in lines)  # torch's, by way of mmengine


def test_a_plugin_is_listed_with_its_file(modules: Path) -> None:
    (modules / 'head_in_a_file.py').write_text(HEAD)
    try:
        lines = listed('--plugin', modules / 'head_in_a_file.py', '--registry', 'HEADS', 'NECKS')
    finally:
        HEADS.module_dict.pop('HeadInAFile', None)
    at = lines.index(f'  HeadInAFile  {modules.resolve() / "head_in_a_file.py"}:6')
    assert lines[at + 1 : at + 3] == [
        '      (num_classes, in_channels=(1, 2))',
        '      Does nothing.',
    ]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['SSDHed'], "'SSDHed' is not in any registry. Did you mean 'SSDHead'"),
        (['Resize', '--registry', 'HEADS'], "'Resize' is not in HEADS."),
        (['--registry', 'HEAD'], "--registry: there is no 'HEAD'. Did you mean 'HEADS'"),
        (['--plugin', 'gone.py'], '--plugin gone.py: no such file'),
    ],
)
def test_what_is_not_there(words: list[str], message: str) -> None:
    assert message in refused(*words)
