"""Where in a config file a key is set: the file is parsed, and never run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from mmlite.config.files import bases_of, without_templates

_TEXT = 60  # characters of the code that are shown


@dataclass
class Line:
    """A value in the text of a config.

    Args:
        file: where it is written.
        line: from 1.
        text: its code, shortened.
        children: the values in a dict or a list by key or index; None where only running the
            file would tell.
        is_dict: a dict, which is merged with that of the bases; anything else replaces it.
        via: the name by which it got where it is, if it is written elsewhere.
        removes: asked for a key below it: it is not there, and that of the bases is gone.
        reads: the variables that the value comes from; of a dict or a list, only of the whole.
    """

    file: Path
    line: int
    text: str
    children: dict[str, Line] | None = None
    is_dict: bool = False
    via: str = ''
    removes: bool = False
    reads: frozenset[str] = frozenset()

    @property
    def replaces(self) -> bool:
        """Whether nothing of the bases is left below it."""
        return not self.is_dict or '_delete_' in (self.children or {})


@dataclass
class ConfigLines:
    """One config file and its bases, as text.

    Args:
        path: a .py, .json or .yaml file.
    """

    path: Path
    bases: list[ConfigLines] = field(init=False)
    names: dict[str, Line] = field(init=False)

    def __post_init__(self) -> None:
        self.bases = [ConfigLines(base) for base in bases_of(self.path)]
        if self.path.suffix == '.py':
            self.names = _Reader(self).read(ast.parse(self.path.read_text(encoding='utf-8')))
        else:  # JSON is YAML
            tree = _from_yaml(yaml.compose(without_templates(self.path)), self.path)
            self.names = tree.children or {}

    def in_order(self) -> Iterator[ConfigLines]:
        """Yields the bases of the bases first, this file last: each overrides those before it."""
        for base in self.bases:
            yield from base.in_order()
        yield self

    def history(self, key: str) -> list[Line]:
        """Returns what set a dotted key, or took it away with a dict around it, in order."""
        found = [_look_up(file.names, key.split('.')) for file in self.in_order()]
        return [line for line in found if line is not None]

    def sets(self, key: str) -> bool:
        """Returns whether this file, without its bases, sets a dotted key or takes it away."""
        return _look_up(self.names, key.split('.')) is not None

    def readers(self, name: str, sections: Iterable[str]) -> Iterator[str]:
        """Yields the dotted keys of this file, without its bases, that come from a variable.

        Of a dict or a list that comes from it as a whole, the keys below are not named.

        Args:
            name: of the variable.
            sections: the names at the top that are looked at.
        """
        for section in sections:
            if section in self.names:
                yield from _readers(self.names[section], name, section)

    def place(self, key: str) -> str:
        """Returns the file and line that set a dotted key, the last of them; else this file."""
        steps = key.split('.')
        while steps:
            found = self.history('.'.join(steps))
            if found:
                return f'{found[-1].file}, line {found[-1].line}'
            steps.pop()  # only running the file would tell
        return str(self.path)

    def merged(self, name: str) -> Line | None:
        """Returns a value of the top as this file and its bases make it."""
        merged = None
        for file in self.in_order():
            own = file.names.get(name)
            if own is not None:
                merged = _merge(merged, own)
        return merged


def _look_up(names: dict[str, Line], steps: Sequence[str]) -> Line | None:
    """The line that sets a key; or one around it that leaves nothing of the bases; or None."""
    children: dict[str, Line] | None = names
    around, via = None, ''
    for step in steps:
        line = (children or {}).get(step)
        if line is None:
            return around and replace(around, removes=around.children is not None)
        via = line.via or via
        around = line if line.replaces else around
        children = line.children
    return replace(line, via=via)


def _readers(line: Line, name: str, path: str) -> Iterator[str]:
    if name in line.reads:
        yield path
        return
    for key, child in (line.children or {}).items():
        yield from _readers(child, name, f'{path}.{key}')


def _merge(base: Line | None, own: Line) -> Line:
    if base is None or own.replaces or not base.is_dict:
        return own
    children = dict(base.children or {})
    for key, line in (own.children or {}).items():
        children[key] = _merge(children.get(key), line)
    return replace(own, children=children)


def _from_yaml(node: yaml.Node, path: Path) -> Line:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        merged: dict[str, Line] = {}
        own: dict[str, Line] = {}
        for key, value in node.value:
            if key.tag != 'tag:yaml.org,2002:merge':
                own[str(key.value)] = _from_yaml(value, path)
                continue
            # '<<: *name' or a list of them, of which the first counts
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                merged |= _from_yaml(source, path).children or {}
        return Line(path, line, '{...}', merged | own, is_dict=True)
    if isinstance(node, yaml.SequenceNode):
        children = {str(i): _from_yaml(item, path) for i, item in enumerate(node.value)}
        return Line(path, line, '[...]', children)
    return Line(path, line, str(node.value)[:_TEXT], {})


class _Reader:
    """Follows the assignments of a Python config from top to bottom."""

    def __init__(self, file: ConfigLines) -> None:
        self.file = file
        self.names: dict[str, Line] = {}

    def read(self, tree: ast.Module) -> dict[str, Line]:
        for statement in tree.body:
            self.statement(statement)
        self.names.pop('_base_', None)
        return self.names

    def statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self.assign(target, self.line(value))
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self.assign(target, self.line(value))
            case ast.AugAssign(target=target, op=op, value=value):
                sum_of_both = ast.copy_location(ast.BinOp(target, op, value), node)
                self.assign(target, self.line(sum_of_both))
            case ast.Expr(ast.Call(ast.Attribute(value=owner, attr='update'), args=[new])):
                self.assign(owner, _merge(self.line(owner), self.line(new)))
            case ast.If() | ast.For() | ast.While() | ast.With() | ast.Try():
                for target in _assigned(node):  # only running it would tell the value
                    self.assign(target, self.code(node))

    def assign(self, target: ast.expr, line: Line) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = line
            return
        step = _step(target)
        if step is None:
            for name in _assigned(target):  # a, b = ...
                self.names[name.id] = line
            return
        owner = self.line(target.value)
        if owner.children is not None:
            owner.children[step] = line

    def code(self, node: ast.AST) -> Line:
        text = ast.unparse(node).replace('\n', ' ')[:_TEXT]
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        return Line(self.file.path, node.lineno, text, reads=self.sources(names))

    def sources(self, names: Iterable[str]) -> frozenset[str]:
        """These variables, and those that they come from."""
        known = [self.names[name].reads for name in names if name in self.names]
        return frozenset(names).union(*known)

    def line(self, node: ast.expr) -> Line:
        code = self.code(node)
        match node:
            case ast.Dict(keys=keys, values=values):
                names = [None if key is None else _constant(key) for key in keys]
                return self.dict_line(code, list(zip(names, values, strict=True)))
            case ast.Call(func=ast.Name('dict'), args=args, keywords=keywords):
                pairs = [(None, arg) for arg in args]
                return self.dict_line(code, pairs + [(k.arg, k.value) for k in keywords])
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return replace(code, children=self.items(items), reads=frozenset())
            case ast.Constant():
                return replace(code, children={})
            case ast.Name(name) if name in self.names:
                via = f'{name} in line {node.lineno}'
                return replace(self.names[name], via=via, reads=self.sources([name]))
            case ast.BinOp(left, ast.BitOr(), right):
                return self.dict_line(code, [(None, left), (None, right)])
            case ast.BinOp(left, ast.Add(), right) if self.line(left).children is not None:
                both = self.items([ast.Starred(left), ast.Starred(right)])
                # of texts there are no items: these come from all that the sum reads
                return replace(code, children=both, reads=frozenset() if both else code.reads)
            case ast.Set(elts=[ast.Set(elts=[reference])]):  # {{_base_.name}}
                return self.line(reference)
            case ast.Subscript(whole, ast.Slice(start, stop, step)):
                return self.sliced(code, self.line(whole), (start, stop, step))
            case ast.Attribute() | ast.Subscript():
                return self.part(node) or code
        return code

    def dict_line(self, code: Line, pairs: list[tuple[str | None, ast.expr]]) -> Line:
        children: dict[str, Line] = {}
        for key, value in pairs:
            if key is None:  # **value
                children |= self.spread(value)
            else:
                children[key] = self.line(value)
        return replace(code, children=children, is_dict=True, reads=frozenset())

    def spread(self, node: ast.expr) -> dict[str, Line]:
        """What `**node` and `*node` put into the dict or list around them."""
        line = self.line(node)
        children = (line.children or {}).items()
        return {key: replace(child, reads=child.reads | line.reads) for key, child in children}

    def items(self, nodes: Sequence[ast.expr]) -> dict[str, Line]:
        lines: list[Line] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                lines += self.spread(node.value).values()
            else:
                lines.append(self.line(node))
        return {str(i): line for i, line in enumerate(lines)}

    def sliced(self, code: Line, whole: Line, bounds: Sequence[ast.expr | None]) -> Line:
        """`variable[1:3]`, where the list and the bounds are known."""
        if not whole.children or whole.is_dict:
            return code
        try:
            numbers = [None if bound is None else ast.literal_eval(bound) for bound in bounds]
            children = list(whole.children.values())[slice(*numbers)]
        except (ValueError, TypeError):  # only running it would tell
            return code
        return replace(code, children={str(i): line for i, line in enumerate(children)})

    def part(self, node: ast.Attribute | ast.Subscript) -> Line | None:
        """`variable['key']`, `_base_.name.key`: the line of what it points at."""
        step = _step(node)
        if isinstance(node.value, ast.Name) and node.value.id == '_base_':
            found = [base.merged(step) for base in self.file.bases]
            line = next((line for line in reversed(found) if line is not None), None)
            reads = frozenset([step])
        else:
            owner = self.line(node.value)
            line, reads = (owner.children or {}).get(step), owner.reads
        via = f'{ast.unparse(node)} in line {node.lineno}'
        return line and replace(line, via=via, reads=line.reads | reads)


def _step(node: ast.expr) -> str | None:
    """The key or index that an attribute or a subscript asks for."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return _constant(node.slice) if isinstance(node, ast.Subscript) else None


def _constant(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


def _assigned(statement: ast.AST) -> list[ast.Name]:
    return [
        node
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
