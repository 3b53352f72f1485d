from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from mmlite.errors import DataError
from mmlite.parallel import DataContainer, collate, scatter
from mmlite.parallel.collate import stack_padded


def sample(h: int, w: int, num_boxes: int, name: str = 'a.jpg', fill: int = 9) -> dict:
    return {
        'img': DataContainer(torch.full((3, h, w), fill, dtype=torch.uint8), stack=True),
        'gt_bboxes': DataContainer(torch.full((num_boxes, 4), 0.5)),
        'gt_labels': DataContainer(torch.ones(num_boxes, dtype=torch.int64)),
        'img_metas': DataContainer({'filename': name, 'img_shape': (h, w, 3)}, cpu_only=True),
    }


def test_pads_to_the_largest_outline_and_keeps_lists() -> None:
    batch = collate([sample(2, 5, 1, 'a.jpg'), sample(4, 3, 0, 'b.jpg')])
    img = batch['img'].data
    assert img.shape == (2, 3, 4, 5)  # h = max(2, 4), w = max(5, 3)
    assert img.dtype == torch.uint8
    assert img[0, 0].tolist() == [[9] * 5] * 2 + [[0] * 5] * 2
    assert img[1, 2].tolist() == [[9, 9, 9, 0, 0]] * 4
    assert [boxes.shape for boxes in batch['gt_bboxes'].data] == [(1, 4), (0, 4)]
    assert [meta['filename'] for meta in batch['img_metas'].data] == ['a.jpg', 'b.jpg']
    assert batch['img_metas'].cpu_only
    assert batch['img'].stack


def test_padding_value_and_pad_dims() -> None:
    def line(size: int, **settings) -> dict:
        return {'x': DataContainer(torch.ones(2, size), stack=True, **settings)}

    padded = collate([line(1, padding_value=-1, pad_dims=1), line(3, padding_value=-1, pad_dims=1)])
    assert padded['x'].data.tolist() == [[[1, -1, -1]] * 2, [[1, 1, 1]] * 2]
    with pytest.raises(DataError, match=r"key 'x': .*shape \(2, 1\).*sample 1 has shape \(2, 3\)"):
        collate([line(1, pad_dims=None), line(3, pad_dims=None)])
    assert collate([line(3, pad_dims=None)] * 2)['x'].data.shape == (2, 2, 3)


def test_cpu_only_overrides_stack() -> None:
    batch = collate([{'x': DataContainer(torch.ones(1), stack=True, cpu_only=True)}] * 2)
    assert isinstance(batch['x'].data, list)


def test_a_batch_of_one_is_a_copy() -> None:
    one = sample(2, 2, 1)
    batch = collate([one])
    batch['img'].data.zero_()
    assert one['img'].data.unique().tolist() == [9]


@pytest.mark.parametrize(
    ('values', 'wanted'),
    [
        ([1, 2], torch.tensor([1, 2])),
        ([True, False], torch.tensor([True, False])),
        ([np.float32(1), np.float32(2)], torch.tensor([1.0, 2.0])),
        ([torch.ones(2), torch.ones(2)], torch.ones(2, 2)),
        ([np.ones(2, np.float32)[::-1]] * 2, torch.ones(2, 2)),
    ],
)
def test_plain_values_of_one_shape_are_stacked(values, wanted) -> None:
    stacked = collate([{'x': value} for value in values])['x']
    assert torch.equal(stacked, wanted)


@pytest.mark.parametrize(
    'values',
    [
        ['a.jpg', 'b.jpg'],
        [None, None],
        [{'a': 1}, {'b': 2}],
        [[1, 2], [3]],
        [(480, 640), (480, 640)],
        [1, None],
        [np.array(['cat']), np.array(['dog'])],
    ],
)
def test_other_plain_values_stay_one_per_image(values) -> None:
    assert collate([{'x': value} for value in values])['x'] == values


def test_plain_arrays_of_uneven_shapes_become_a_list_of_tensors() -> None:
    boxes = collate([{'gt_bboxes': np.ones((n, 4))} for n in (1, 2)])['gt_bboxes']
    assert [box.shape for box in boxes] == [(1, 4), (2, 4)]
    assert boxes[0].dtype == torch.float32


def test_errors_name_the_key_and_the_sample() -> None:
    with pytest.raises(DataError, match='batch is empty'):
        collate([])
    with pytest.raises(DataError, match='sample 1 of the batch is a NoneType'):
        collate([sample(2, 2, 1), None])
    with pytest.raises(DataError, match=r"'a.jpg'\) has .*'gt_labels'.*sample 1 has \['img'\]"):
        collate([sample(2, 2, 1), {'img': sample(2, 2, 1)['img']}])
    with pytest.raises(TypeError, match="key 'img': stack=True needs tensors, sample 0 has a nda"):
        collate([{'img': DataContainer(np.zeros((3, 2, 2)), stack=True)}])
    with pytest.raises(DataError, match=r"key 'x': .*found 3 and DataContainer\(4\)"):
        collate([{'x': 3}, {'x': DataContainer(4)}])
    with pytest.raises(DataError, match=r"key 'x': .*same settings"):
        collate([{'x': DataContainer(4)}, {'x': DataContainer(4, cpu_only=True)}])


def test_grey_among_colour_images_and_mixed_dtypes_name_the_file() -> None:
    grey = sample(2, 2, 1, 'grey.jpg')
    grey['img'] = DataContainer(torch.zeros(1, 2, 2, dtype=torch.uint8), stack=True)
    with pytest.raises(DataError, match=r"key 'img': .*sample 1 \('grey.jpg'\) has shape \(1, 2"):
        collate([sample(2, 2, 1), grey])
    grey['img'] = DataContainer(torch.zeros(3, 2, 2), stack=True)
    with pytest.raises(DataError, match=r'torch\.uint8.*torch\.float32'):
        collate([sample(2, 2, 1), grey])


class InWorker:
    """Collates, and notes in the worker whether the images lie in shared memory already."""

    def __call__(self, batch: list) -> dict:
        out = collate(batch)
        return {**out, 'shared': out['img'].data.is_shared()}


@pytest.mark.parametrize('sizes', [[(4, 4), (4, 4)], [(4, 6), (5, 3)]])
def test_a_worker_stacks_into_shared_memory(sizes) -> None:
    data = [sample(h, w, 1, fill=7) for h, w in sizes]
    loader = DataLoader(data, batch_size=2, num_workers=1, collate_fn=InWorker())
    (batch,) = list(loader)
    assert batch['shared']
    assert torch.equal(batch['img'].data, collate(data)['img'].data)


def test_the_last_short_batch() -> None:
    data = [sample(2, 2, 1) for _ in range(5)]
    batches = list(DataLoader(data, batch_size=2, collate_fn=collate))
    assert [len(batch['img']) for batch in batches] == [2, 2, 1]


shapes = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=5)


@given(shapes, st.sampled_from(['uint8', 'float32', 'int64']), st.integers(0, 3))
def test_padding_never_changes_the_content(sizes, dtype, padding_value) -> None:
    tensors = [
        torch.arange(2 * h * w).reshape(2, h, w).to(getattr(torch, dtype)) + 10 for h, w in sizes
    ]
    batch = stack_padded(tensors, padding_value)
    assert batch.dtype == tensors[0].dtype
    assert batch.shape == (len(sizes), 2, max(h for h, _ in sizes), max(w for _, w in sizes))
    for image, tensor in zip(batch, tensors, strict=True):
        h, w = tensor.shape[1:]
        assert torch.equal(image[:, :h, :w], tensor)
        assert image[:, h:].eq(padding_value).all()
        assert image[:, :, w:].eq(padding_value).all()


@given(shapes)
def test_collate_and_scatter_keep_the_values(sizes) -> None:
    samples = [sample(h, w, h, fill=w) for h, w in sizes]
    batch = scatter(collate(samples), 'cpu')
    for i, (h, w) in enumerate(sizes):
        assert torch.equal(batch['img'][i, :, :h, :w], samples[i]['img'].data.float())
        assert torch.equal(batch['gt_bboxes'][i], samples[i]['gt_bboxes'].data)
        assert torch.equal(batch['gt_labels'][i], samples[i]['gt_labels'].data)
        assert batch['img_metas'][i] is samples[i]['img_metas'].data
