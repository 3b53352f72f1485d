"""Samples mixed with recent ones: the same for any number of workers, and after a resume."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets import ConcatDataset, MultiImageMixDataset, build_dataloader
from mmlite.datasets.loader import skip_batches
from mmlite.datasets.recent import RecentSamples
from mmlite.datasets.transforms import RandomChoice, TransformError
from mmlite.errors import ConfigError
from tests.datasets.toy import toy

BOXES = [(0, 0, 8, 8, 'cat', False)]
MOSAIC = dict(type='CachedMosaic', img_scale=(8, 8), max_cached_images=6, random_pop=False)
MIXUP = dict(
    type='CachedMixUp', img_scale=(16, 16), ratio_range=(1.0, 1.0), max_cached_images=4, prob=0.7
)
loads: list[int] = []


def paint(results: dict) -> dict:
    """A picture of 8x8 of one grey, which says which image it is; the noise is drawn."""
    loads.append(results['img_id'])
    img = np.full((8, 8, 3), 10 * results['img_id'] + 10, np.uint8)
    img[0] += np.uint8(np.random.randint(10))
    ann = results['ann']
    return dict(
        img_id=results['img_id'],
        img=img,
        gt_bboxes=ann['bboxes'],
        gt_labels=ann['labels'],
        gt_bboxes_ignore=ann['bboxes_ignore'],
    )


def now_and_then(results: dict) -> dict | None:
    """Refuses a fifth of the samples."""
    return None if np.random.rand() < 0.2 else results


def pack(results: dict) -> dict:
    return dict(img=results['img'], gt_bboxes=results['gt_bboxes'], img_id=results['img_id'])


def data(*steps, length: int = 12):
    steps = steps or (now_and_then, MOSAIC, now_and_then, MIXUP)
    return toy([(8, 8, BOXES)] * length, pipeline=[paint, *steps, pack])


def samples(dataset, skipped: int = 0, epoch: int = 0, **options) -> list[dict]:
    cfg = dict(
        dataset=dataset,
        sampler=dict(type='DefaultSampler', shuffle=True),
        collate_fn=list,
        **{'batch_size': 2, **options},
    )
    loader = build_dataloader(cfg, seed=3)
    loader.batch_sampler.sampler.set_epoch(epoch)
    skip_batches(loader, skipped)
    return [sample for batch in loader for sample in batch]


def same(one: list[dict], other: list[dict]) -> bool:
    keys = ('img', 'gt_bboxes', 'img_id')
    return len(one) == len(other) and all(
        np.array_equal(a[key], b[key]) for a, b in zip(one, other, strict=True) for key in keys
    )


@pytest.fixture(scope='module')
def expected() -> list[dict]:
    return samples(data())


def test_the_samples_are_mixed(expected) -> None:
    assert len(expected) == 12
    sizes = [sample['img'].shape[0] for sample in expected]
    assert sizes[:4] == [8] * 4 and set(sizes[4:]) == {16}  # a mosaic needs four before it
    assert max(len(sample['gt_bboxes']) for sample in expected) > 4  # of two mosaics


@pytest.mark.parametrize('options', [dict(num_workers=2), dict(num_workers=3, batch_size=1)])
def test_workers_change_nothing(expected, options) -> None:
    assert same(samples(data(), **options), expected)


def test_the_batch_size_changes_nothing(expected) -> None:
    assert same(samples(data(), batch_size=5), expected)


@pytest.mark.parametrize('skipped', [1, 3, 5])
def test_a_resume_in_the_middle_of_an_epoch_changes_nothing(expected, skipped: int) -> None:
    assert same(samples(data(), skipped), expected[2 * skipped :])


def test_another_epoch_has_others(expected) -> None:
    dataset = data()
    assert not same(samples(dataset, epoch=1), expected)
    assert same(samples(dataset), expected)  # what is kept of the other changes nothing


def test_what_this_process_has_made_is_not_made_again() -> None:
    loads.clear()
    samples(data(MOSAIC, MIXUP))
    assert len(loads) == 12
    loads.clear()
    samples(data(MOSAIC, MIXUP), skipped=3)  # five of the six before may be needed, and no more
    assert 6 <= len(loads) <= 6 + 6


def test_others_are_of_the_same_data_set() -> None:
    # one has pictures of 10 to 30, the other of 110 to 130: an img_id goes on through both
    low, high = data(MOSAIC, length=6), data(MOSAIC, length=6)
    for sample in samples(ConcatDataset([low, high]), batch_size=3):
        own = sample['img'][sample['img'] != 114]
        assert (own < 70).all() if sample['img_id'] < 6 else own.size


def test_in_a_mixture() -> None:
    def mixture():
        inner = toy([(8, 8, BOXES)] * 8, pipeline=[paint])
        return MultiImageMixDataset(inner, [now_and_then, MOSAIC, pack])

    one = samples(mixture())
    assert {sample['img'].shape[0] for sample in one} == {8, 16}
    assert same(one, samples(mixture(), num_workers=2))
    assert mixture().lookback == 5


def test_without_a_loader_others_are_drawn() -> None:
    dataset = data(MOSAIC, MIXUP)
    np.random.seed(0)
    one = dataset[3]
    assert one['img'].shape[0] == 16
    np.random.seed(0)
    assert same([one], [dataset[3]])


def test_lookback() -> None:
    assert data().lookback == 5 + 3  # a mixed-up sample may be the mosaic of five before
    assert toy([(8, 8, BOXES)]).lookback == 0


def test_each_pipeline_has_a_cache_of_its_own() -> None:
    one, other = data(MOSAIC), data(MOSAIC)
    caches = [dataset.pipeline.transforms[1].cache for dataset in (one, other)]
    assert all(isinstance(cache, RecentSamples) for cache in caches) and caches[0] is not caches[1]


def test_inside_of_another_transform_it_is_refused() -> None:
    with pytest.raises(ConfigError, match='CachedMosaic mixes several samples'):
        RandomChoice([[MOSAIC], []])


def test_an_error_names_the_transform() -> None:
    def broken(results: dict) -> dict:
        raise ValueError('no')

    with pytest.raises(TransformError, match='broken'):
        samples(data(broken, MOSAIC))
