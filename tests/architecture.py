"""The layers of mmlite, the imports in its code, and the picture of both.

python -m tests.architecture      # draws docs/images/architecture.svg again
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

CHECKOUT = Path(__file__).resolve().parents[1]
PICTURE = CHECKOUT / 'docs' / 'images' / 'architecture.svg'

# from the top: a part imports from its own layer and from those below it
LAYERS = {
    'command lines': ('__main__', 'cli'),
    'what the verbs do': ('tools',),
    'a trained model in use': ('apis', 'inference'),
    'training and testing': ('engine',),
    'pictures and pages': ('visualization',),
    'figures of results': ('evaluation',),
    'data and networks': ('datasets', 'models'),
    'batches; configs': ('parallel', 'config'),
    'weights in files': ('checkpoints',),
    'classes by their names': ('registry',),
    'boxes, as pure functions': ('ops',),
    'ground, free to all': ('errors', 'support', 'version', '__init__'),
}


class Import(NamedTuple):
    """One import of mmlite by mmlite; `module` and `imported` are dotted names of modules."""

    module: str
    imported: str
    line: int
    at_start: bool  # not inside a function


def read_imports() -> list[Import]:
    """All imports of mmlite's modules by each other."""
    files = {_module(path): path for path in sorted((CHECKOUT / 'mmlite').rglob('*.py'))}
    found = [
        Import(module, _known(name, files), node.lineno, at_start)
        for module, path in files.items()
        for node, at_start in _import_nodes(ast.parse(path.read_text(encoding='utf-8')))
        for name in _names(node)
        if name.split('.')[0] == 'mmlite'
    ]
    return list(dict.fromkeys(found))  # one for all names that a line imports from a module


def part_of(module: str) -> str:
    """The package or file at the top of mmlite that a module is in: 'models', 'registry'."""
    return [*module.split('.'), '__init__'][1]


def layer_of(part: str) -> int:
    """The number of a part's layer, 0 at the top."""
    return next(i for i, parts in enumerate(LAYERS.values()) if part in parts)


def read_parts() -> set[str]:
    """The packages and files at the top of mmlite."""
    found = {path.stem for path in (CHECKOUT / 'mmlite').glob('*.py')}
    return found | {path.parent.name for path in (CHECKOUT / 'mmlite').glob('*/__init__.py')}


def imports_by_part(imports: list[Import]) -> dict[str, set[str]]:
    """Which other parts each part imports."""
    by_part: dict[str, set[str]] = {part: set() for part in read_parts()}
    for one in imports:
        by_part[part_of(one.module)].add(part_of(one.imported))
    return {part: imported - {part} for part, imported in by_part.items()}


def _module(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def _import_nodes(node: ast.AST, at_start: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, at_start
        inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from _import_nodes(child, at_start and not inside)


def _names(node: ast.stmt) -> list[str]:
    """What is imported, with its module: a module of its own, or a name in one."""
    prefix = f'{node.module}.' if isinstance(node, ast.ImportFrom) else ''
    return [f'{prefix}{alias.name}' for alias in node.names]


def _known(name: str, files: Mapping[str, Path]) -> str:
    return name if name in files else name.rpartition('.')[0]


# ---- the picture --------------------------------------------------------------------------------

_WIDTH, _ROW, _BOX, _LEFT = 1320, 66, 26, 170  # pixels
_LETTER = 7.3  # of the monospaced names


def picture(imports: list[Import]) -> str:
    """The layers as rows of boxes, with a line for each import, as SVG.

    Left out are imports that follow from others, and those of the ground.
    """
    boxes = {
        part: box for row, parts in enumerate(LAYERS.values()) for part, box in _row(parts, row)
    }
    ground = [*LAYERS.values()][-1]
    shown = {
        part: {other for other in imported if other not in ground}
        for part, imported in imports_by_part(imports).items()
    }
    lines = [
        _line(boxes[part], boxes[other])
        for part in sorted(shown)
        for other in sorted(_not_implied(part, shown))
    ]
    titles = [
        f'<text class="layer" x="8" y="{row * _ROW + 37}">{escape(title)}</text>'
        for row, title in enumerate(LAYERS)
    ]
    names = [
        f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{_BOX}" rx="4"/>'
        f'<text x="{x + width / 2:.0f}" y="{y + 17}" text-anchor="middle">{part}</text>'
        for part, (x, y, width) in boxes.items()
    ]
    return '\n'.join([_HEAD, *lines, *titles, *names, '</svg>', ''])


_HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {len(LAYERS) * _ROW}">
<!-- drawn from the imports by: python -m tests.architecture -->
<style>
  text {{ font: 12px monospace; fill: #1c2430 }}
  .layer {{ font: italic 12px sans-serif; fill: #5a6675 }}
  rect {{ fill: #eaf1fb; stroke: #3f6fb5 }}
  path {{ fill: none; stroke: #8fa3bd; stroke-width: 1.2 }}
</style>
<rect width="100%" height="100%" style="fill: #fff; stroke: none"/>"""


def _row(parts: tuple[str, ...], row: int) -> Iterator[tuple[str, tuple[float, int, float]]]:
    """Yields each part of a layer with the x, y and width of its box."""
    widths = [len(part) * _LETTER + 14 for part in parts]
    if sum(widths) > _WIDTH - _LEFT:
        raise ValueError(f'the layer of {parts[0]} is too wide for the picture')
    gap = (_WIDTH - _LEFT - sum(widths)) / (len(parts) + 1)
    x = _LEFT + gap + (row % 3 - 1) * min(gap, 80)  # else lines would run behind boxes
    for part, width in zip(parts, widths, strict=True):
        yield part, (x, row * _ROW + 20, width)
        x += width + gap


def _line(start: tuple[float, int, float], end: tuple[float, int, float]) -> str:
    """From a box to one below it or beside it."""
    (x1, y1, w1), (x2, y2, w2) = start, end
    x1, x2 = x1 + w1 / 2, x2 + w2 / 2
    y1 += _BOX
    if y1 == y2 + _BOX:  # below the boxes between them
        return f'<path d="M{x1:.0f} {y1} C{x1:.0f} {y1 + 16} {x2:.0f} {y1 + 16} {x2:.0f} {y1}"/>'
    middle = (y1 + y2) / 2
    curve = f'M{x1:.0f} {y1} C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2}'
    return f'<path d="{curve}"/>'


def _not_implied(part: str, imports: Mapping[str, set[str]]) -> set[str]:
    """What a part imports and would not come with another part that it imports."""
    return {
        other
        for other in imports[part]
        if not any(other in _all_below(third, imports) for third in imports[part] - {other})
    }


def _all_below(part: str, imports: Mapping[str, set[str]]) -> set[str]:
    below = set(imports[part])
    for other in imports[part]:
        below |= _all_below(other, imports)
    return below


if __name__ == '__main__':
    PICTURE.write_text(picture(read_imports()), encoding='utf-8')
