"""`--safe-config`: a config from a stranger may hold values, and nothing that runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

from mmlite.errors import ConfigError
from mmlite.overrides import walk

# values, containers, arithmetic, and names for them; sets are how `{{_base_.name}}` parses
_ALLOWED = (
    *(ast.Module, ast.Assign, ast.Expr, ast.Name, ast.Load, ast.Store, ast.Constant),
    *(ast.Dict, ast.List, ast.Tuple, ast.Set, ast.keyword, ast.Starred),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub, ast.UAdd),
)
_ALLOWED_CALLS = ('dict', 'list', 'tuple', 'float')


def check_holds_values_only(files: Iterable[str]) -> None:
    """Refuses config files that hold anything but assignments of values.

    Args:
        files: the config and its bases, from `mmlite.config.check_files`.

    Raises:
        ConfigError: names the file, the line and what stands there.
    """
    for file in files:
        if not file.endswith('.py'):
            continue
        check_text_holds_values_only(Path(file).read_text(encoding='utf-8'), file)


def check_text_holds_values_only(source: str, title: str) -> None:
    """The same for the text of one config; `title` is its name in errors."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError as error:
        raise ConfigError(f'config {title}, line {error.lineno}: {error.msg}') from error
    for node in nodes:
        if not _is_value(node):
            line = getattr(node, 'lineno', 0)
            code = ast.get_source_segment(source, node) or type(node).__name__
            raise ConfigError(
                f'config {title}, line {line}: a safe config holds values, dict(), list(), '
                f'tuple(), float() and _base_ alone, found: {code:.80}'
            )


def _is_value(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _ALLOWED_CALLS
    if isinstance(node, (ast.Attribute, ast.Subscript)):  # of _base_, or of one of these
        return isinstance(node.value, (ast.Attribute, ast.Subscript)) or (
            isinstance(node.value, ast.Name) and node.value.id == '_base_'
        )
    if isinstance(node, ast.Name):
        return not node.id.startswith('__') and node.id != 'custom_imports'
    return isinstance(node, _ALLOWED)


def check_registered_types_only(cfg: Mapping) -> None:
    """Refuses `type='package.module.Class'`, which imports and calls what it names.

    Raises:
        ConfigError: names the config path and the type; or `custom_imports`.
    """
    if cfg.get('custom_imports'):
        raise ConfigError('--safe-config: custom_imports imports code; use --plugin for your own')
    for path, node in walk(cfg):
        kind = node.get('type') if isinstance(node, Mapping) else None
        if isinstance(kind, str) and '.' in kind.removeprefix('mmdet.').removeprefix('mmlite.'):
            raise ConfigError(
                f"{path}.type: --safe-config takes registered names alone, found '{kind}'"
            )
