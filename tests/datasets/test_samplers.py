"""AspectRatioBatchSampler: what shares a batch, what is left over, and that nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets import build_dataloader
from mmlite.datasets.samplers import AspectRatioBatchSampler
from tests.datasets.toy import toy

CAT = (10, 10, 30, 30, 'cat', False)


class Sampler(list):
    """Indices in order, of a data set of images of these (w, h)."""

    def __init__(self, *sizes):
        super().__init__(range(len(sizes)))
        self.sizes = sizes
        self.dataset = self

    def get_data_info(self, i):
        return dict(width=self.sizes[i][0], height=self.sizes[i][1])


UP, LYING, SQUARE, UNKNOWN = (3, 4), (4, 3), (4, 4), (0, 0)


def test_upright_and_lying_images_apart():
    sampler = Sampler(UP, LYING, LYING, UP, SQUARE, UNKNOWN, UP, LYING)
    batches = list(AspectRatioBatchSampler(sampler, 2))
    # 6 and 7 are left over and share the last
    assert batches == [[1, 2], [0, 3], [4, 5], [6, 7]]


def test_the_last_batch_is_smaller_or_left_out():
    sampler = Sampler(UP, LYING, UP, LYING, UP)
    assert list(AspectRatioBatchSampler(sampler, 3)) == [[0, 2, 4], [1, 3]]
    assert list(AspectRatioBatchSampler(sampler, 3, drop_last=True)) == [[0, 2, 4]]


@given(st.lists(st.sampled_from([UP, LYING, SQUARE]), max_size=30), st.integers(1, 7))
def test_nothing_is_lost_and_the_length_is_true(sizes, batch_size):
    sampler = AspectRatioBatchSampler(Sampler(*sizes), batch_size)
    batches = list(sampler)
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    assert len(batches) == len(sampler)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    dropped = AspectRatioBatchSampler(Sampler(*sizes), batch_size, drop_last=True)
    assert len(list(dropped)) == len(dropped)


@pytest.mark.parametrize('drop_last', [True, False])
def test_from_a_config(drop_last):
    dataset = toy([(50, 60, [CAT]), (60, 50, [CAT])] * 3 + [(50, 60, [CAT])], '/x')
    loader = build_dataloader(
        dict(
            dataset=dataset,
            batch_size=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
            batch_sampler=dict(type='AspectRatioBatchSampler'),
            drop_last=drop_last,
            collate_fn=lambda samples: [sample['img_id'] for sample in samples],
        ),
        seed=0,
    )
    # upright are 0, 2, 4, 6; lying 1, 3, 5
    expected = [[0, 2], [1, 3], [4, 6], [5]]
    assert list(loader) == expected[: len(loader)] and len(loader) == (3 if drop_last else 4)
