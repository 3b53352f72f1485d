"""`{{ _base_.name }}` in a config file: the value of a base, put in by mmengine before it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mmengine.config

from mmlite.config.files import bases_of
from mmlite.errors import ConfigError, did_you_mean

_TEMPLATE = re.compile(r'\{\{\s*_base_\.([\w.]+)\s*\}\}')
_IN_QUOTES = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")


def check_templates(path: Path) -> None:
    """Refuses templates of a config and its bases that mmengine would not replace, or not rightly.

    mmengine 0.10.7 puts a text with quotes of its own in the place of a template: within quotes
    that silently gives another text in Python, and a broken file in YAML and JSON.

    Raises:
        ConfigError: names the file, the line and the template; it is in quotes, or no base has
            what it names.
    """
    bases = bases_of(path)
    for base in bases:
        check_templates(base)
    text = path.read_text(encoding='utf-8')
    if not _TEMPLATE.search(text):
        return
    values = _values_of(bases)
    for number, line in _lines_with_code(path, text):
        for text_in_quotes in _IN_QUOTES.findall(line):
            found = _TEMPLATE.search(text_in_quotes)
            if found:
                raise ConfigError(
                    f'config {path}, line {number}: {text_in_quotes:.80}: a template is written '
                    f'without quotes, {found[0]}, and is the whole value. In Python a part of a '
                    "text is written _base_.name + '/more'"
                )
        for found in _TEMPLATE.finditer(line):
            _check_name(found[1], values, f'config {path}, line {number}')


def _lines_with_code(path: Path, text: str) -> list[tuple[int, str]]:
    """The lines that may hold a template, without comments and texts that nothing reads."""
    lines = list(enumerate(text.splitlines(), 1))
    if path.suffix != '.py':
        return [(n, line) for n, line in lines if not line.lstrip().startswith('#')]
    notes = {
        number
        for node in ast.parse(text).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for number in range(node.lineno, node.end_lineno + 1)
    }
    return [(n, line.partition(' #')[0]) for n, line in lines if n not in notes and line[:1] != '#']


def _values_of(bases: list[Path]) -> dict[str, Any]:
    """The sections and variables of all bases; no plugin is imported."""
    values: dict[str, Any] = {}
    for base in bases:
        read = mmengine.config.Config.fromfile(
            str(base), import_custom_modules=False, lazy_import=False
        )
        values.update(read.to_dict())
    return values


def _check_name(name: str, values: Mapping[str, Any], place: str) -> None:
    node: Any = values
    for step in name.split('.'):
        if not isinstance(node, Mapping) or step not in node:
            known = list(node) if isinstance(node, Mapping) else []
            what = f"'{step}'" if isinstance(node, Mapping) else f"'{step}' in {node!r:.60}"
            raise ConfigError(
                f'{place}: {{{{ _base_.{name} }}}}: its bases have no {what}.'
                f'{did_you_mean(step, known)}'
            )
        node = node[step]
