from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from mmlite.config.text import config_text, text_of

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.sampled_from(['type', 'class', 'lr']), inner)
    ),
    max_leaves=30,
)


@given(values)
def test_the_text_is_python_for_the_value(value: object) -> None:
    assert eval(text_of(value)) == value


def test_nan() -> None:
    assert math.isnan(eval(text_of(float('nan'))))


def test_order_and_lines() -> None:
    numbers = list(range(30))  # 30 numbers do not fit in a line with 4 * 4 columns before
    cfg = dict(
        model=dict(type='Net', sizes=(3,), numbers=numbers),
        custom={'a.b': 1},
        empty=dict(a={}, b=[], c=()),
    )
    assert config_text(cfg) == (
        'model = dict(\n'
        "    type='Net',\n"
        '    sizes=(3,),\n'
        '    numbers=[\n' + ''.join(f'        {number},\n' for number in numbers) + '    ],\n'
        ')\n'
        "custom = {'a.b': 1}\n"
        'empty = dict(a=dict(), b=[], c=())\n'
    )


def test_a_line_is_filled_to_the_last_column() -> None:
    name = 'n' * 10
    short = config_text({name: 'x' * 84})  # 10 + 3 + 84 and two quotes
    assert len(short) == 100  # with the line feed
    assert short.count('\n') == 1
    longer = config_text({name: ['x' * 84]})
    assert longer == f"{name} = [\n    '{'x' * 84}',\n]\n"
