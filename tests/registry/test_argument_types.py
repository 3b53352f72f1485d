from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pytest
from torch.optim import SGD

from mmlite.registry.argument_types import mistyped


class Taker:
    """Takes what configs hold."""

    def __init__(
        self,
        count: int = 0,
        share: float | None = None,
        name: str | None = None,
        names: str | Sequence[str] = (),
        classes: Sequence[str] = (),
        sizes: Sequence[int] = (),
        pair: tuple[int, int] = (0, 0),
        part: Mapping | None = None,
        mode: Literal['a', 'b'] = 'a',
        build: Callable | None = None,
        anything: Any = None,
        plain=None,
    ) -> None: ...


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('count', 'three', 'a whole number'),
        ('count', [3], 'a whole number'),
        ('share', 'half', 'a number or None'),
        ('name', ['a'], 'a text or None'),
        ('names', dict(a=1), "a text or a list of texts, such as ('cat',)"),
        ('classes', 'cat', "a list of texts, such as ('cat',)"),
        ('sizes', '8', 'a list of whole numbers'),
        ('sizes', ['8'], 'a list of whole numbers'),
        ('pair', '(1, 2)', 'a list of whole numbers'),
        ('part', 'SGD', 'a dict or None'),
        ('part', [1], 'a dict or None'),
        ('mode', 'c', "'a' or 'b'"),
    ],
)
def test_what_cannot_be_meant(name: str, value: object, expected: str) -> None:
    assert mistyped(Taker, {name: value}) == (name, expected)


@pytest.mark.parametrize(
    'args',
    [
        dict(count=3, share=1, name='a', names='a', classes=['a'], sizes=[1], pair=[1, 2]),
        dict(count=3.0, share=None, names=['a'], sizes=(1,), part=dict(a=1), mode='b'),
        dict(build='a', anything='a', plain='a'),
        dict(anything=[1], plain=dict(a=1)),
    ],
)
def test_what_can(args: dict) -> None:
    assert mistyped(Taker, args) is None


def test_classes_of_torch_and_functions() -> None:
    assert mistyped(SGD, dict(lr='fast'))[0] == 'lr'
    assert mistyped(SGD, dict(lr=0.1, params=[1])) is None
    assert mistyped(print, dict(sep='a')) is None
