"""`--safe-config`: a config from a stranger may hold values, and nothing that runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmlite.config.files import plain_content
from mmlite.config.nodes import walk
from mmlite.errors import ConfigError

# values, containers, arithmetic, and names for them; sets are how `{{_base_.name}}` parses
_ALLOWED = (
    *(ast.Module, ast.Assign, ast.Expr, ast.Load, ast.Store, ast.Constant),
    *(ast.Dict, ast.List, ast.Tuple, ast.Set, ast.keyword, ast.Starred, ast.Slice),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub, ast.UAdd),
)
_ALLOWED_CALLS = ('dict', 'list', 'tuple', 'float')
# the one template of mmengine's that stands for a value; the others put text into the program
_TEMPLATE = re.compile(r'\{\{\s*_base_(\.[A-Za-z]\w*)+\s*\}\}')
_LARGEST = 200_000  # values in a config, after all names in it are followed


def check_holds_values_only(files: Iterable[str]) -> None:
    """Refuses config files that hold anything but assignments of values.

    Args:
        files: the config and its bases, from `mmlite.config.check_files`.

    Raises:
        ConfigError: names the file, the line and what is written there.
    """
    size = 0  # of the bases, which come after the file that includes them
    for file in reversed(list(files)):
        text = Path(file).read_text(encoding='utf-8')
        if file.endswith('.py'):
            size += check_text_holds_values_only(text, file, size)
        else:
            check_registered_types_only(plain_content(Path(file)))
            size += len(text)


def check_text_holds_values_only(source: str, title: str, base_size: int = 0) -> int:
    """The same for the text of one config; `title` is its name in errors.

    Args:
        base_size: how many values its bases hold.

    Returns:
        how many it holds.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, 'lineno', None) or 1
        raise ConfigError(f'config {title}, line {line}: {error}') from error
    _check_templates(source, tree, title)
    nodes = list(ast.walk(tree))
    own = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in nodes:
        if not _is_value(node, own):
            line = getattr(node, 'lineno', None)
            place = f', line {line}' if line else ''
            code = ast.get_source_segment(source, node) if line else type(node).__name__
            raise ConfigError(
                f'config {title}{place}: a safe config holds values, dict(), list(), '
                f'tuple(), float() and _base_ only, found: {code or type(node).__name__:.80}'
            )
    return _checked_size(tree, title, base_size)


def _check_templates(source: str, tree: ast.Module, title: str) -> None:
    """mmengine replaces templates in the text, before it is parsed: a quote in one would count."""
    in_text = any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and '{{' in node.value
        for node in ast.walk(tree)
    )
    for number, line in enumerate(source.splitlines(), 1):
        if '{{' in (line if in_text else _TEMPLATE.sub('', line)):
            raise ConfigError(
                f'config {title}, line {number}: of templates, a safe config holds '
                f'{{{{_base_.name}}}} only, outside of quotes; found: {line.strip():.80}'
            )


def _is_value(node: ast.AST, own: set[str]) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _ALLOWED_CALLS
    if isinstance(node, ast.Attribute):  # of _base_, or of one of these
        return not node.attr.startswith('_') and _is_of_base(node.value)
    if isinstance(node, ast.Subscript):
        return _is_of_base(node.value)
    if isinstance(node, ast.Name):
        if node.id.startswith('__') or node.id == 'custom_imports':
            return False
        if isinstance(node.ctx, ast.Store):  # else `dict = eval` would make dict() a way out
            return node.id not in _ALLOWED_CALLS
        return node.id in own or node.id in (*_ALLOWED_CALLS, '_base_')
    return isinstance(node, _ALLOWED)


def _is_of_base(node: ast.AST) -> bool:
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return True  # looked at by itself
    return isinstance(node, ast.Name) and node.id == '_base_'


def _checked_size(tree: ast.Module, title: str, base_size: int) -> int:
    """Bounds what a few lines can grow to: `a = [b, b, b]` and so on, or `'x' * 10000000000`."""
    sizes = {'_base_': base_size}
    total = 0
    for statement in tree.body:
        size = _size(statement.value, sizes)
        if size > _LARGEST:
            raise ConfigError(
                f'config {title}, line {statement.lineno}: a safe config holds up to {_LARGEST} '
                f'values, this line {size}'
            )
        total += size
        for target in getattr(statement, 'targets', ()):
            for node in ast.walk(target):
                if isinstance(node, ast.Name) and node.id != '_base_':
                    sizes[node.id] = size
    return total


def _size(node: ast.AST, sizes: Mapping[str, int]) -> int:
    """Values that an expression comes to; a letter of a text and a digit count as one."""
    if isinstance(node, ast.Constant):
        return len(str(node.value)) if node.value not in (None, True, False) else 1
    if isinstance(node, ast.Name):
        return sizes.get(node.id, 1)
    size = 1 + sum(_size(child, sizes) for child in ast.iter_child_nodes(node))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and not _is_number(node):
        return size + _LARGEST  # how much of it there will be is not followed
    return size


def _is_number(node: ast.AST) -> bool:
    """Whether an expression is made of numbers that are written out."""
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) and _is_number(node.right)
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def check_registered_types_only(cfg: Mapping) -> None:
    """Refuses `type='package.module.Class'`, which imports and calls what it names.

    Raises:
        ConfigError: names the config path and the type; or `custom_imports`.
    """
    if cfg.get('custom_imports'):
        raise ConfigError('--safe-config: custom_imports imports code; use --plugin for your own')
    for path, node in walk(cfg):
        kind = node.get('type') if isinstance(node, Mapping) else None
        if kind is not None and not isinstance(kind, str):
            raise ConfigError(f'{path}.type: --safe-config takes names, found {kind!r:.80}')
        if isinstance(kind, str) and '.' in kind.removeprefix('mmdet.').removeprefix('mmlite.'):
            raise ConfigError(
                f"{path}.type: --safe-config takes registered names only, found '{kind}'"
            )
