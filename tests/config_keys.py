"""The page of all keys of a config, as SCHEMA has them.

python -m tests.config_keys      # writes docs/config_keys.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from mmlite.config.schema import KINDS, SCHEMA, Keys, ListOf, Part, Spec, Value

PAGE = Path(__file__).resolve().parents[1] / 'docs' / 'config_keys.md'
_HEAD = """# All keys of a config

Written from `mmlite/config/schema.py` by `python -m tests.config_keys`; a test compares the two.
A key that is not here is an argument of the class that the `type` of its dict names
(`python tools/list_registry.py NAME` shows them), or it is refused with the nearest one.
`N` is the number of an item in a list.
"""


class Row(NamedTuple):
    """A key: its dotted path, and what SCHEMA says."""

    path: str
    spec: Spec


def rows() -> Iterator[Row]:
    """All keys that SCHEMA names, section by section."""
    for section, spec in SCHEMA.items():
        yield Row(section, spec)
        yield from _below(spec, section, ())


def _below(spec: Spec, path: str, around: tuple[Spec, ...]) -> Iterator[Row]:
    if isinstance(spec, ListOf):
        yield from _below(spec.item, f'{path}.N', around)
        return
    children: Mapping[str, Spec] = {}
    if isinstance(spec, Keys):
        children = spec.keys
        if isinstance(spec.others, Keys):  # custom_keys
            children = {**children, 'NAME': spec.others}
    elif isinstance(spec, Part):
        children = {**spec.beside, **spec.inside}
    for name, child in children.items():
        inside = child.item if isinstance(child, ListOf) else child
        if not any(inside is one for one in (*around, spec)):  # a data set may hold data sets
            yield Row(f'{path}.{name}', child)
            yield from _below(child, f'{path}.{name}', (*around, spec))


def page() -> str:
    """The text of the page."""
    lines = [_HEAD]
    for section, spec in SCHEMA.items():
        first = next(name for name, other in SCHEMA.items() if other is spec)
        lines += [f'## `{section}`', '']
        if first != section:
            lines += [f'As `{first}`.', '']
            continue
        lines += [_sentence(spec), '']
        below = list(_below(spec, section, ()))
        if below:
            lines += ['| key | what it holds | default | what it does |', '|---|---|---|---|']
            lines += [f'| `{row.path}` | {" | ".join(_cells(row.spec))} |' for row in below]
            lines.append('')
    return '\n'.join(lines)


def _sentence(spec: Spec) -> str:
    kind, default, note = _cells(spec)
    text = f'{note[:1].upper()}{note[1:]}: {kind}' if note else f'{kind[:1].upper()}{kind[1:]}'
    return f'{text}; {default} where it is left out.' if default else f'{text}.'


def _cells(spec: Spec) -> tuple[str, str, str]:
    if isinstance(spec, Value):
        kind = ' or '.join(f'`{one!r}`' for one in spec.only) or KINDS[spec.kind][1]
        least = '' if spec.least is None else f', {spec.least:g} or more'
        return kind + least, '' if spec.default is None else f'`{spec.default!r}`', spec.note
    if isinstance(spec, ListOf):
        return f'a list, or one: {_cells(spec.item)[0]}', '', spec.note or _cells(spec.item)[2]
    if isinstance(spec, Part):
        types = ' or '.join(f'`{name}`' for name in spec.types)
        named = f' of `{spec.registry}`' if spec.registry else f' {types}'
        built = spec.type or spec.usual
        default = f'`type={built!r}`' if built else ''
        return f'a dict with a `type`{named}', default, spec.note
    return 'a dict', '', spec.note


if __name__ == '__main__':
    PAGE.write_text(page(), encoding='utf-8')
