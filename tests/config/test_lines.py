"""Lines of hand-made configs; the numbers are counted in the text beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.config.lines import ConfigLines
from mmlite.config.nodes import walk
from tests.runs import LEAVES

BASE = """\
depth = 18
model = dict(
    backbone=dict(depth=depth, frozen=1),
    head=dict(classes=80),
)
steps = [dict(type='Load'), dict(type='Resize', scale=(4, 3))]
data = dict(pipeline=steps, size=2)
"""
LEAF = """\
_base_ = ['./base.py']
common = dict(size=5)
model = dict(
    backbone=dict(
        _delete_=True, depth=50
    ),
)
model['head'] = dict(classes=3)
data = dict(**common, pipeline=_base_.steps[1:])
more = {{_base_.steps}} + [dict(type='Pack')]
if True:
    late = 1
model.update(dict(neck=None))
"""


def test_an_item_and_a_name_at_once_leave_the_dict_alone(tmp_path: Path) -> None:
    (tmp_path / 'c.py').write_text("model = dict(a=1)\nmodel['b'], size = 1, 2\n")
    lines = ConfigLines(tmp_path / 'c.py')
    assert history(lines, 'model.a') == [('c.py', 1)]
    assert history(lines, 'size') == [('c.py', 2)]


@pytest.fixture
def leaf(tmp_path: Path) -> ConfigLines:
    (tmp_path / 'base.py').write_text(BASE)
    (tmp_path / 'leaf.py').write_text(LEAF)
    return ConfigLines(tmp_path / 'leaf.py')


def history(lines: ConfigLines, key: str) -> list[tuple[str, int]]:
    return [(line.file.name, line.line) for line in lines.history(key)]


def test_each_file_that_sets_a_key_in_order(leaf: ConfigLines) -> None:
    assert history(leaf, 'model.head.classes') == [('base.py', 4), ('leaf.py', 8)]
    assert history(leaf, 'data.size') == [('base.py', 7), ('leaf.py', 2)]
    assert history(leaf, 'model.neck') == [('leaf.py', 13)]
    assert history(leaf, 'model.nothing') == []


def test_a_value_by_its_name_is_where_the_name_is_set(leaf: ConfigLines) -> None:
    (base, own) = leaf.history('model.backbone.depth')
    assert (base.line, base.text, base.via) == (1, '18', 'depth in line 3')
    assert (own.line, own.text) == (5, '50')


def test_a_dict_that_deletes_takes_the_key_away(leaf: ConfigLines) -> None:
    base, own = leaf.history('model.backbone.frozen')
    assert (base.line, base.text, base.removes) == (3, '1', False)
    assert (own.line, own.removes) == (4, True)


def test_references_to_the_bases_are_followed(leaf: ConfigLines) -> None:
    assert history(leaf, 'more.1.scale') == [('base.py', 6)]
    assert history(leaf, 'more.2.type') == [('leaf.py', 10)]
    base, own = leaf.history('data.pipeline.0.type')  # steps, and steps[1:]
    assert (base.line, base.text) == (6, "'Load'")
    assert (own.file.name, own.line, own.text) == ('base.py', 6, "'Resize'")


def test_what_only_running_the_file_would_tell_has_the_line_of_the_code(
    leaf: ConfigLines,
) -> None:
    assert history(leaf, 'late') == [('leaf.py', 11)]


def test_inside_code_the_line_is_that_of_the_code(tmp_path: Path) -> None:
    text = '_base_ = []\nparts = [dict(year=y) for y in (7, 12)]\ndata = dict(parts=parts)\n'
    (tmp_path / 'a.py').write_text(text)
    (line,) = ConfigLines(tmp_path / 'a.py').history('data.parts.1.year')
    assert (line.line, line.removes) == (2, False)


def test_yaml_and_json_have_lines_too(tmp_path: Path) -> None:
    (tmp_path / 'a.json').write_text('{\n "model": {"depth": 18,\n  "widths": [1, 2]}\n}\n')
    (tmp_path / 'b.yaml').write_text('_base_: a.json\nmodel:\n  depth: 50\n')
    lines = ConfigLines(tmp_path / 'b.yaml')
    assert history(lines, 'model.depth') == [('a.json', 2), ('b.yaml', 3)]
    assert history(lines, 'model.widths.1') == [('a.json', 3)]


def test_what_a_yaml_merges_has_its_lines(tmp_path: Path) -> None:
    text = """\
small: &small {depth: 18, width: 64}
wide: &wide {width: 256}
one: {<<: *small, depth: 34}
two:
  <<: [*wide, *small]
"""
    (tmp_path / 'a.yaml').write_text(text)
    lines = ConfigLines(tmp_path / 'a.yaml')
    assert history(lines, 'one.depth') == [('a.yaml', 3)]
    assert history(lines, 'one.width') == [('a.yaml', 1)]
    assert history(lines, 'two.width') == [('a.yaml', 2)]
    assert history(lines, 'two.depth') == [('a.yaml', 1)]
    assert lines.history('two.<<') == []


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_every_value_of_every_config_is_found(path: Path) -> None:
    lines = ConfigLines(path)
    missing = [key for key, _ in walk(load_config(path)) if key and not lines.history(key)]
    assert missing == []
