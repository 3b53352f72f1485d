from __future__ import annotations

import pickle
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import DistSamplerSeedHook
from torch.utils.data import BatchSampler, Dataset

from mmlite.datasets import RepeatDataset, build_dataloader
from mmlite.datasets.loader import (
    SeededBatchSampler,
    SeededIndex,
    derive_seed,
    init_worker,
    kept_random_state,
)
from mmlite.errors import ConfigError, UnknownTypeError
from tests.datasets.toy import toy

SHUFFLED = dict(type='DefaultSampler', shuffle=True)
IN_ORDER = dict(type='DefaultSampler', shuffle=False)


def draw(results: dict) -> dict:
    """A transform that uses all three generators."""
    numbers = (np.random.rand(), random.random(), torch.rand(()).item())
    return dict(index=results['img_id'], numbers=np.array(numbers))


def dataset_of(length: int, times: int = 1) -> RepeatDataset:
    boxes = [(10, 10, 30, 30, 'cat', False)]
    return RepeatDataset(toy([(50, 50, boxes)] * length, pipeline=[draw]), times)


def run(loader) -> tuple[list[int], np.ndarray]:
    """Returns the indices and (samples, 3) numbers of an epoch."""
    batches = list(loader)
    indices = [int(i) for batch in batches for i in batch['index']]
    return indices, np.concatenate([batch['numbers'] for batch in batches])


def build(dataset, **kwargs):
    cfg = dict(dataset=dataset, sampler=SHUFFLED, batch_size=3, **kwargs)
    return build_dataloader(cfg, seed=7)


def test_the_number_of_workers_changes_nothing() -> None:
    dataset = dataset_of(8)
    none, two = build(dataset), build(dataset, num_workers=2, persistent_workers=True)
    for epoch in range(2):
        none.batch_sampler.sampler.set_epoch(epoch)
        two.batch_sampler.sampler.set_epoch(epoch)
        (indices, numbers), (indices_two, numbers_two) = run(none), run(two)
        assert indices == indices_two
        np.testing.assert_array_equal(numbers, numbers_two)


def test_every_position_and_epoch_draws_its_own_numbers() -> None:
    loader = build(dataset_of(4, times=3))
    epochs = []
    for epoch in range(2):
        loader.batch_sampler.sampler.set_epoch(epoch)
        epochs.append(run(loader)[1])
    numbers = np.concatenate(epochs)
    assert numbers.shape == (24, 3)  # 4 images x 3 times x 2 epochs
    for column in numbers.T:
        assert len(set(column)) == 24
    loader.batch_sampler.sampler.set_epoch(0)
    np.testing.assert_array_equal(run(loader)[1], epochs[0])  # and can be repeated


def test_another_seed_gives_other_numbers() -> None:
    dataset = dataset_of(4)
    cfg = dict(dataset=dataset, sampler=IN_ORDER)
    one, other = (run(build_dataloader(cfg, seed=seed))[1] for seed in (1, 2))
    assert not np.intersect1d(one, other).size


def test_loading_in_this_process_leaves_its_random_state_alone() -> None:
    def state() -> tuple:
        return random.random(), np.random.rand(), torch.rand(()).item()

    with kept_random_state():  # so that the test itself disturbs no other
        random.seed(3)
        np.random.seed(3)
        torch.manual_seed(3)
        expected = state()
        random.seed(3)
        np.random.seed(3)
        torch.manual_seed(3)
        run(build(dataset_of(5)))
        assert state() == expected


def test_a_seeded_index_is_an_int_and_survives_pickling() -> None:
    index = pickle.loads(pickle.dumps(SeededIndex(5, seed=2**32 - 1)))
    assert index == 5
    assert [10, 11, 12, 13, 14, 15][index] == 15
    assert index.seed == 2**32 - 1


def test_foreign_data_sets_work_too() -> None:
    class Squares(Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, i: int) -> dict:
            return dict(square=i * i)

    loader = build_dataloader(dict(dataset=Squares(), sampler=IN_ORDER, batch_size=3), seed=0)
    assert [batch['square'].tolist() for batch in loader] == [[0, 1, 4], [9]]


def test_processes_share_no_seed(monkeypatch) -> None:
    seeds = []
    for rank in range(2):
        monkeypatch.setattr('mmlite.datasets.loader.get_dist_info', lambda rank=rank: (rank, 2))
        sampler = SeededBatchSampler(BatchSampler(range(4), 2, False), seed=0)
        seeds.append([index.seed for batch in sampler for index in batch])
    # positions 0 2 4 6 of the epoch, and 1 3 5 7
    assert seeds[0] == [derive_seed(0, 0, position) for position in (0, 2, 4, 6)]
    assert seeds[1] == [derive_seed(0, 0, position) for position in (1, 3, 5, 7)]


def test_mmengines_hook_sets_the_epoch() -> None:
    loader = build(dataset_of(4))
    runner = SimpleNamespace(train_loop=SimpleNamespace(dataloader=loader), epoch=5)
    DistSamplerSeedHook().before_train_epoch(runner)
    assert loader.batch_sampler.sampler.epoch == 5


def test_batches() -> None:
    dataset = dataset_of(8)
    loader = build(dataset)
    assert len(loader) == 3
    assert [len(batch['index']) for batch in loader] == [3, 3, 2]
    assert sorted(run(loader)[0]) == list(range(8))
    assert loader.batch_sampler.batch_size == 3
    assert [len(batch['index']) for batch in build(dataset, drop_last=True)] == [3, 3]


def test_debug_loads_in_this_process() -> None:
    cfg = dict(dataset=dataset_of(4), sampler=IN_ORDER, num_workers=2, persistent_workers=True)
    assert build_dataloader(cfg, seed=0, debug=True).num_workers == 0
    assert cfg['num_workers'] == 2


def test_worker_options_mean_nothing_without_workers() -> None:
    options = dict(persistent_workers=True, prefetch_factor=4, timeout=9)
    loader = build(dataset_of(3), num_workers=0, **options)
    assert sorted(run(loader)[0]) == [0, 1, 2]
    with_workers = build(dataset_of(3), num_workers=1, **options)
    assert (with_workers.persistent_workers, with_workers.prefetch_factor) == (True, 4)


class PairSampler(BatchSampler):
    """A batch sampler of a user's own."""

    def __iter__(self):
        yield from ([1, 0], [3, 2])


def test_a_batch_sampler_from_the_config() -> None:
    cfg = dict(dataset=dataset_of(4), sampler=IN_ORDER, batch_size=2)
    # torch's class wants drop_last, which the loader hands on
    cfg.update(batch_sampler=dict(type=PairSampler), drop_last=True)
    assert run(build_dataloader(cfg, seed=0))[0] == [1, 0, 3, 2]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(batchsize=3), r"^val_dataloader: no key 'batchsize'.*'batch_size'"),
        (dict(batch_size=0), r'^val_dataloader\.batch_size: .*found 0'),
        (dict(num_workers=-1), r'^val_dataloader\.num_workers: .*found -1'),
        (dict(batch_size='4'), r"^val_dataloader\.batch_size: .*found '4'"),
        (dict(collate_fn=dict(type='pseudo_collate')), r'^val_dataloader\.collate_fn'),
        (dict(sampler=dict(type='DefaultSampler', shufle=1)), r'^val_dataloader\.sampler.*shuffle'),
        (dict(dataset=dict(type='VOCDatset')), r"^val_dataloader\.dataset.*'VOCDataset'"),
    ],
)
def test_mistakes_name_their_place(change: dict, message: str) -> None:
    cfg = dict(dataset=dataset_of(2), sampler=IN_ORDER, **{}) | change
    with pytest.raises(ConfigError, match=message):
        build_dataloader(cfg, seed=0, at='val_dataloader')


def test_missing_keys_and_unknown_samplers() -> None:
    with pytest.raises(ConfigError, match="train_dataloader: the key 'sampler' is missing"):
        build_dataloader(dict(dataset=dataset_of(2)), seed=0)
    with pytest.raises(UnknownTypeError, match="'DefaultSampler'"):
        build_dataloader(dict(dataset=dataset_of(2), sampler=dict(type='DefaultSampla')), seed=0)


def test_workers_keep_to_one_thread() -> None:
    def threads(_: dict) -> dict:
        import cv2

        return dict(torch=torch.get_num_threads(), cv2=cv2.getNumThreads())

    dataset = toy([(9, 9, [(1, 1, 5, 5, 'cat', False)])], pipeline=[threads])
    cfg = dict(dataset=dataset, sampler=IN_ORDER, num_workers=1)
    (batch,) = build_dataloader(cfg, seed=0)
    assert batch['torch'].tolist() == batch['cv2'].tolist() == [1]
    assert pickle.loads(pickle.dumps(init_worker)) is init_worker  # spawn pickles it
