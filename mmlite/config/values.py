"""The text of an override becomes a value."""

from __future__ import annotations

import ast
from typing import Any

from mmlite.errors import ConfigError

_NAMED = {'true': True, 'false': False, 'null': None, 'none': None}
_CLOSED_BY = {'(': ')', '[': ']', '{': '}'}
_BEFORE_TEXT = ('', *'([{,:=')  # after these a quote begins a text


def parse_value(text: str) -> Any:
    """Returns the value that a text means, as mmengine's DictAction reads it, and more.

    A literal of Python (`dict(type='EMAHook')` is one too), a number, true, false, null or none.
    `a,b` and `[a, b]` are lists, `(a, b)` is a tuple, and they may hold each other; the quotes of
    names may be left out, as shells remove them. Text in quotes stays a text, with its commas.

    Raises:
        ConfigError: a bracket is not closed, or none was open.
    """
    text = text.strip()
    if text.lower() in _NAMED:
        return _NAMED[text.lower()]
    items = _items(text)
    if len(items) > 1:
        return [parse_value(item) for item in items if item]
    if text[:1] in ('[', '(') and text[-1] == _CLOSED_BY[text[0]]:
        inner = [parse_value(item) for item in _items(text[1:-1]) if item]
        return inner if text[0] == '[' else tuple(inner)
    literal = _literal(text)
    return _number(text) if literal is _NONE else literal


_NONE = object()


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(_DictCalls().visit(ast.parse(text, mode='eval')))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return _NONE


def _number(text: str) -> Any:
    """`08`, `inf` and the like are numbers for mmengine, and no literals of Python."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


class _DictCalls(ast.NodeTransformer):
    """Turns `dict(a=1)` into `{'a': 1}`, which `ast.literal_eval` understands."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if getattr(node.func, 'id', '') != 'dict' or node.args:
            return node
        keys = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.Dict(keys, [keyword.value for keyword in node.keywords])


def _items(text: str) -> list[str]:
    """The pieces between the commas that are outside of brackets and quotes.

    Raises:
        ConfigError: see `parse_value`.
    """
    items, start, quote = [], 0, ''
    open_brackets: list[str] = []
    before, escaped = '', False  # the letter before, without spaces
    for i, letter in enumerate(text):
        if quote:
            quote = '' if letter == quote and not escaped else quote
            escaped = letter == '\\' and not escaped
        elif letter in '\'"' and before in _BEFORE_TEXT:
            quote = letter  # in the middle of a text it is an apostrophe
        elif letter in _CLOSED_BY:
            open_brackets.append(letter)
        elif letter in _CLOSED_BY.values():
            if not open_brackets or _CLOSED_BY[open_brackets.pop()] != letter:
                raise ConfigError(_unbalanced(text, letter))
        elif letter == ',' and not open_brackets:
            items.append(text[start:i].strip())
            start = i + 1
        before = letter if letter.strip() else before
    if open_brackets:
        raise ConfigError(_unbalanced(text, open_brackets[-1]))
    return [*items, text[start:].strip()]


def _unbalanced(text: str, bracket: str) -> str:
    return (
        f"--cfg-options: the bracket '{bracket}' in {text!r:.80} has no partner. A text with a "
        'single bracket needs quotes inside those of the shell: KEY="\'a(b\'"'
    )
