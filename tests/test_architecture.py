"""The code keeps to the layers of docs/architecture.md, and tools hold no logic."""

from __future__ import annotations

import graphlib

import pytest

import lab.cli
from mmlite.__main__ import VERBS
from tests.architecture import (
    LAYERS,
    PICTURE,
    Import,
    imports_by_part,
    layer_of,
    part_of,
    picture,
    read_imports,
    read_parts,
)
from tests.runs import CHECKOUT

_TOOL = '''"""python tools/{verb}.py: see `{package}/cli/{verb}.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmlite.cli.ending import start

if __name__ == '__main__':
    sys.exit(start('{package}.cli.{verb}'))
'''


@pytest.fixture(scope='module')
def imports() -> list[Import]:
    return read_imports()


def test_every_package_and_file_of_mmlite_has_its_layer() -> None:
    placed = [part for parts in LAYERS.values() for part in parts]
    assert sorted(placed) == sorted(read_parts()), 'see LAYERS in tests/architecture.py'


def test_imports_are_read_with_their_module_and_line(imports: list[Import]) -> None:
    text = (CHECKOUT / 'mmlite/support/files.py').read_text(encoding='utf-8')
    [found] = [one for one in imports if one.module == 'mmlite.support.files']
    assert text.splitlines()[found.line - 1].startswith(f'from {found.imported} import ')
    in_function = {one.imported for one in imports if not one.at_start}
    assert 'mmlite.engine.build' in in_function  # train builds the runner, its parser does not


def test_no_import_goes_up(imports: list[Import]) -> None:
    """Imports inside functions count as well."""
    upward = [
        one for one in imports if layer_of(part_of(one.imported)) < layer_of(part_of(one.module))
    ]
    assert not upward


def test_parts_do_not_import_each_other_in_a_circle(imports: list[Import]) -> None:
    tuple(graphlib.TopologicalSorter(imports_by_part(imports)).static_order())  # or CycleError


def test_modules_do_not_import_each_other_in_a_circle(imports: list[Import]) -> None:
    """Whatever is imported first; inside functions it would do no harm."""
    graph: dict[str, set[str]] = {}
    for one in imports:
        if one.at_start:
            package = one.imported.rpartition('.')[0]  # its __init__ runs first
            is_own = f'{one.module}.'.startswith(f'{package}.')
            loaded = {one.imported} if is_own else {one.imported, package}
            graph.setdefault(one.module, set()).update(loaded)
    tuple(graphlib.TopologicalSorter(graph).static_order())  # or CycleError


def test_the_package_does_not_import_the_laboratory() -> None:
    for path in (CHECKOUT / 'mmlite').rglob('*.py'):
        assert 'from lab' not in path.read_text(encoding='utf-8'), path


def test_ops_import_nothing_but_errors(imports: list[Import]) -> None:
    """Geometry can be read and tested without the rest."""
    assert imports_by_part(imports)['ops'] <= {'errors'}


def test_the_picture_is_that_of_the_code(imports: list[Import]) -> None:
    drawn = PICTURE.read_text(encoding='utf-8')
    assert drawn == picture(imports), 'draw it again: python -m tests.architecture'


def test_every_layer_is_on_the_page() -> None:
    page = (CHECKOUT / 'docs/architecture.md').read_text(encoding='utf-8')
    rows = [line for line in page.splitlines() if line.startswith('| ')]
    for title, parts in LAYERS.items():
        [row] = [row for row in rows if row.startswith(f'| {title} |')]
        assert all(f'`{part}`' in row for part in parts)


def test_tools_hold_no_logic() -> None:
    tools = {path.stem: path.read_text(encoding='utf-8') for path in CHECKOUT.glob('tools/*.py')}
    assert tools == {
        verb: _TOOL.format(verb=verb, package=package)
        for package, verbs in (('mmlite', VERBS), ('lab', lab.cli.VERBS))
        for verb in verbs
    }
