"""Pipelines that change in the middle of a training: by the epoch of each batch."""

from __future__ import annotations

import pytest

from mmlite.datasets import ConcatDataset, MultiImageMixDataset, RepeatDataset, build_dataloader
from mmlite.errors import ConfigError
from tests.datasets.toy import toy

BOXES = [(0, 0, 8, 8, 'cat', False)]


def first(results: dict) -> dict:
    return {**results, 'steps': 'first'}


def second(results: dict) -> dict:
    return {**results, 'steps': results.get('steps', '') + 'second'}


def one():
    return toy([(8, 8, BOXES)] * 4, pipeline=[first])


def steps_of(dataset, epochs=range(4), **options) -> list[set[str]]:
    sampler = dict(type='DefaultSampler', shuffle=False)
    cfg = dict(dataset=dataset, sampler=sampler, batch_size=2, collate_fn=list, **options)
    loader = build_dataloader(cfg, seed=0)
    found = []
    for epoch in epochs:
        loader.batch_sampler.sampler.set_epoch(epoch)
        found.append({sample['steps'] for batch in loader for sample in batch})
    return found


@pytest.mark.parametrize('options', [{}, dict(num_workers=2, persistent_workers=True)])
def test_the_pipeline_follows_the_epoch(options) -> None:
    dataset = one()
    dataset.switch_pipeline(2, [second])
    assert steps_of(dataset, [0, 1, 2, 3, 1], **options) == [
        {'first'}, {'first'}, {'second'}, {'second'}, {'first'}
    ]  # fmt: skip


def test_an_endless_sampler_has_passes() -> None:
    dataset = one()
    dataset.switch_pipeline(1, [second])
    sampler = dict(type='InfiniteSampler', shuffle=False)
    loader = build_dataloader(
        dict(dataset=dataset, sampler=sampler, batch_size=2, collate_fn=list), seed=0
    )
    batches = iter(loader)
    found = [next(batches)[0]['steps'] for _ in range(4)]  # a pass is two batches
    assert found == ['first', 'first', 'second', 'second']


def test_transforms_are_left_out_by_their_names() -> None:
    dataset = toy([(8, 8, BOXES)] * 2, pipeline=[first, second])
    assert dataset.leave_out(1, ['first', 'third']) == ['first']
    assert steps_of(dataset, range(2)) == [{'firstsecond'}, {'second'}]


def test_what_is_left_out_stays_out_of_a_later_pipeline() -> None:
    dataset = one()
    dataset.switch_pipeline(2, [first, second])
    dataset.leave_out(1, ['first'])
    dataset.pipeline.transforms.append(second)  # of epoch 0
    assert steps_of(dataset, [0, 2]) == [{'firstsecond'}, {'second'}]


def test_from_the_first_epoch_on() -> None:
    dataset = one()
    dataset.switch_pipeline(-3, [second])
    assert steps_of(dataset, [0]) == [{'second'}]
    assert dataset[0]['steps'] == 'second'


@pytest.mark.parametrize(
    'wrap',
    [lambda a, b: RepeatDataset(ConcatDataset([a, b]), 2), lambda a, b: ConcatDataset([a, b])],
)
def test_wrappers_hand_it_on(wrap) -> None:
    dataset = wrap(one(), one())
    dataset.switch_pipeline(1, [second])
    assert steps_of(dataset, range(2)) == [{'first'}, {'second'}]


def test_a_mixture_changes_what_it_does_itself() -> None:
    dataset = MultiImageMixDataset(one(), [second])
    dataset.switch_pipeline(1, [second, second])
    assert dataset.leave_out(2, ['second']) == ['second', 'second']
    assert steps_of(dataset, range(3)) == [
        {'firstsecond'}, {'firstsecondsecond'}, {'first'}
    ]  # fmt: skip


def test_a_wrong_pipeline_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match='a list of transforms'):
        one().switch_pipeline(1, 'x')
