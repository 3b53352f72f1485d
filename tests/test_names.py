"""One word means one thing: no two public classes, aliases of types or functions share a name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache

from tests.runs import CHECKOUT

_VERBS = ('mmlite/cli/', 'mmlite/tools/', 'mmlite/__main__')


@lru_cache(1)
def _files() -> dict[str, ast.Module]:
    paths = sorted((CHECKOUT / 'mmlite').rglob('*.py'))
    texts = {path.relative_to(CHECKOUT).as_posix(): path.read_text('utf-8') for path in paths}
    return {place: ast.parse(text) for place, text in texts.items()}


def _kinds(tree: ast.Module) -> Iterator[str]:
    """Names of classes, wherever they are, and of aliases such as `Boxes = list[Box]`."""
    yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    targets = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    yield from (name for name in names if name != name.upper() and name[0].isupper())


def _functions(tree: ast.Module) -> Iterator[str]:
    yield from (node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def _shared(places: dict[str, list[str]]) -> dict[str, list[str]]:
    public = {name: where for name, where in places.items() if not name.startswith('_')}
    return {name: where for name, where in public.items() if len(where) > 1}


def test_no_two_public_classes_share_a_name() -> None:
    places = defaultdict(list)
    for place, tree in _files().items():
        for name in _kinds(tree):
            places[name].append(place)
    assert {'DetDataset', 'Detections', 'Device'} <= places.keys()  # classes, and an alias
    assert _shared(places) == {}, 'a name says what the thing is, and no other has it'


def test_no_two_public_functions_share_a_name() -> None:
    """But in `cli/` and `tools/`: files and folders are verbs, which are read before it."""
    places = defaultdict(list)
    for place, tree in _files().items():
        for name in _functions(tree) if not place.startswith(_VERBS) else ():
            places[name].append(place)
    assert {'clip_bboxes', 'build_detector'} <= places.keys()
    assert _shared(places) == {}, 'a name says what the function does, and no other has it'


def test_a_second_class_of_one_name_is_seen() -> None:
    tree = ast.parse('class A: ...\nBox = dict[str, int]\nLIMIT = 3\ndef f():\n    class C: ...')
    assert list(_kinds(tree)) == ['A', 'C', 'Box']
    assert _shared(dict(A=['x.py', 'y.py'], B=['x.py'], _C=['x.py', 'y.py'])) == {
        'A': ['x.py', 'y.py']
    }
