from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlite.errors import ConfigError
from mmlite.tools.init.split import groups_by_name, split_units, units_of


@st.composite
def data_sets(draw):
    """Images with their classes, and groups of images that must not be parted."""
    labels = draw(st.lists(st.sets(st.integers(1, 4), max_size=3), min_size=4, max_size=40))
    index = st.integers(0, len(labels) - 1)
    groups = draw(st.lists(st.lists(index, min_size=2, max_size=4, unique=True), max_size=4))
    return labels, groups


@settings(deadline=None, max_examples=30)
@given(data_sets(), st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 5))
def test_every_image_is_in_one_part_and_no_group_is_cut(data, share, seed):
    labels, groups = data
    units = units_of(len(labels), groups)
    assert sorted(i for unit in units for i in unit) == list(range(len(labels)))
    if len(units) < 2:
        with pytest.raises(ConfigError, match='no split: two pictures'):
            split_units(units, labels, share, seed)
        return
    val = split_units(units, labels, share, seed)
    assert val == sorted(set(val)) and set(val) <= set(range(len(labels)))
    assert 0 < len(val) < len(labels)
    for group in groups:
        assert len(set(group) & set(val)) in (0, len(set(group)))
    assert val == split_units(units, labels, share, seed)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sets(st.integers(1, 4), min_size=1, max_size=2), min_size=4, max_size=8))
def test_each_class_that_can_be_is_in_both_parts(labels):
    """Against all splits in which no class is lost for the training."""
    everything = range(len(labels))

    def in_both(val):
        train = set(everything) - set(val)
        return len(
            {label for i in val for label in labels[i]}
            & {label for i in train for label in labels[i]}
        )

    def all_learnt(val):
        return set().union(*(labels[i] for i in set(everything) - set(val))) == set().union(*labels)

    splits = (val for n in everything for val in itertools.combinations(everything, n) if val)
    most = max((in_both(val) for val in splits if all_learnt(val)), default=0)
    assert in_both(split_units([[i] for i in everything], labels, 0.2, 0)) >= most


def test_share_is_kept_where_classes_and_groups_allow_it():
    labels = [{1 + i % 3} for i in range(100)]
    for share in (0.1, 0.2, 0.35):
        val = split_units([[i] for i in range(100)], labels, share, 0)
        assert len(val) == 100 * share
    # a group of 30 is larger than the validation, and stays in training
    units = units_of(100, [list(range(30))])
    assert split_units(units, labels, 0.2, 0)[0] >= 30


def test_other_seed_gives_other_images():
    labels = [{1} for _ in range(50)]
    units = [[i] for i in range(50)]
    assert split_units(units, labels, 0.2, 0) != split_units(units, labels, 0.2, 1)


def test_a_class_of_one_image_is_learnt():
    labels = [{1}, {1}, {1}, {1, 2}]
    assert 3 not in split_units([[i] for i in range(4)], labels, 0.5, 0)


def test_units_join_groups_that_share_an_image():
    assert units_of(6, [[0, 1], [1, 2], [4, 5]]) == [[0, 1, 2], [3], [4, 5]]


def test_groups_by_name():
    names = ['day_1', 'day_2', 'night_1', 'odd']
    assert groups_by_name(names, r'(.+)_\d+') == [[0, 1], [2]]
    for pattern, why in (('(', 'not a regular expression'), ('a', 'round brackets')):
        with pytest.raises(ConfigError, match=why):
            groups_by_name(names, pattern)
    with pytest.raises(ConfigError, match='fits none of the names, such as day_1'):
        groups_by_name(names, r'(x)_\d')
