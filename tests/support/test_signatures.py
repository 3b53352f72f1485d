"""Constructors that hand arguments on, as registries, `help()` and callers see them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from mmlite.errors import ArgumentError
from mmlite.registry import check_arguments
from mmlite.support.signatures import still_by_position, with_arguments_of


class Parent:
    def __init__(self, first: int, second: int = 2, *, flag: bool = False) -> None:
        self.given = (first, second, flag)


class Child(Parent):
    @with_arguments_of(Parent, without=('second',))
    def __init__(self, first: int, own: str = 'a', **others: Any) -> None:
        super().__init__(first, second=len(own), **others)
        self.own = own


class Grandchild(Child):
    @with_arguments_of(Child)
    def __init__(self, *, last: int, **others: Any) -> None:
        super().__init__(**others)
        self.last = last


def test_a_signature_has_the_arguments_that_are_handed_on() -> None:
    names = list(inspect.signature(Grandchild).parameters)
    assert names == ['last', 'first', 'own', 'flag']
    built = Grandchild(last=1, first=5, own='abc', flag=True)
    assert (built.last, built.own, built.given) == (1, 'abc', (5, 3, True))


def test_those_of_the_parent_are_keywords_with_its_defaults() -> None:
    flag = inspect.signature(Child).parameters['flag']
    assert (flag.kind, flag.default) == (flag.KEYWORD_ONLY, False)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(last=1, first=2, falg=True), r"takes no argument 'falg'\. Did you mean 'flag'"),
        (dict(last=1, first=2, second=3), "takes no argument 'second'"),
        (dict(last=1), "needs the argument 'first'"),
        (dict(last=1, first='x'), r'p\.first: a whole number is expected'),
    ],
)
def test_a_config_is_checked_against_all_of_them(args: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        check_arguments(Grandchild, args, 'p')


class Moved:
    @still_by_position
    def __init__(self, first: int, *, second: int = 2, third: int = 3) -> None:
        self.given = (first, second, third)


def test_old_calls_by_position_work_and_say_so_at_their_line() -> None:
    with pytest.warns(FutureWarning, match='^Moved: pass second, third by name') as caught:
        assert Moved(1, 20, 30).given == (1, 20, 30)
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings('error')
def test_calls_by_name_say_nothing() -> None:
    assert Moved(1, third=30).given == (1, 2, 30)
    assert str(inspect.signature(Moved)).startswith("(first: 'int', *, second: 'int' = 2")


@pytest.mark.filterwarnings('ignore::FutureWarning')
def test_a_call_that_was_wrong_before_is_refused() -> None:
    with pytest.raises(TypeError, match='takes 2 positional arguments but 3'):
        Moved(1, 20, 30, 40)
    with pytest.raises(TypeError, match=r"multiple values for .*'second'"):
        Moved(1, 20, second=2)
