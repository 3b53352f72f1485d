from __future__ import annotations

from collections import namedtuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmlite.errors import DataError
from mmlite.parallel import DataContainer, scatter
from mmlite.parallel.scatter import as_device, split_batch


@pytest.mark.parametrize(
    ('found', 'wanted'),
    [
        (torch.uint8, torch.float32),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float64, torch.float32),
        (torch.int8, torch.int64),
        (torch.int32, torch.int64),
        (torch.int64, torch.int64),
        (torch.bool, torch.bool),
    ],
)
def test_dtypes(found, wanted) -> None:
    assert scatter(torch.ones(2).to(found), 'cpu').dtype == wanted


@pytest.mark.parametrize(
    ('found', 'travels'), [(torch.uint8, torch.uint8), (torch.float64, torch.float32)]
)
def test_casts_where_fewer_bytes_travel(found, travels, monkeypatch) -> None:
    dtypes = []
    plain_to = torch.Tensor.to

    def to(tensor, target, **options):
        if isinstance(target, torch.device):
            dtypes.append(tensor.dtype)
        return plain_to(tensor, target, **options)

    monkeypatch.setattr(torch.Tensor, 'to', to)
    tensor = torch.ones(2).type(found)
    assert scatter(tensor, 'cpu').dtype == torch.float32
    assert dtypes == [travels]


def test_structure_without_containers() -> None:
    Pair = namedtuple('Pair', 'a b')
    metas = [{'filename': 'a.jpg', 'scale': torch.ones(1, dtype=torch.float64)}]
    batch = {
        'img': DataContainer(torch.ones(1, 3, 2, 2, dtype=torch.uint8), stack=True),
        'gt_labels': DataContainer([torch.ones(2, dtype=torch.int32)]),
        'img_metas': DataContainer(metas, cpu_only=True),
        'nested': {'list': [DataContainer(torch.ones(1))], 'pair': Pair(torch.ones(1), 'b')},
        'tuple': (torch.ones(1), None, 3),
    }
    out = scatter(batch, -1)
    assert out['img'].dtype == torch.float32
    assert out['gt_labels'][0].dtype == torch.int64
    assert out['img_metas'] is metas  # neither moved nor cast
    assert out['img_metas'][0]['scale'].dtype == torch.float64
    assert isinstance(out['nested']['list'][0], torch.Tensor)
    assert out['nested']['pair'].b == 'b'
    assert out['tuple'][1:] == (None, 3)


def test_moves_to_the_device() -> None:
    batch = {'img': DataContainer(torch.ones(2, 3), stack=True), 'boxes': [torch.ones(1, 4)]}
    out = scatter(batch, 'meta')  # a device that every torch has
    assert out['img'].device.type == 'meta'
    assert out['boxes'][0].device.type == 'meta'
    assert scatter(batch, torch.device('cpu'))['img'].device.type == 'cpu'


def test_as_device() -> None:
    assert as_device(1) == torch.device('cuda', 1)
    assert as_device(-1) == torch.device('cpu')
    assert as_device('cuda:2') == torch.device('cuda', 2)


def batch_of(n: int) -> dict:
    return {
        'img': DataContainer(torch.arange(n), stack=True),
        'gt_bboxes': DataContainer([torch.full((i, 4), 1.0) for i in range(n)]),
        'img_metas': DataContainer([{'i': i} for i in range(n)], cpu_only=True),
        'ids': torch.arange(n),
        'return_loss': True,
    }


def test_a_list_of_devices() -> None:
    parts = scatter(batch_of(5), ['cpu', 'meta'])
    assert len(parts) == 2
    assert parts[0]['img'].tolist() == [0, 1]
    assert [meta['i'] for meta in parts[1]['img_metas']] == [2, 3, 4]
    assert [len(boxes) for boxes in parts[1]['gt_bboxes']] == [2, 3, 4]
    assert (parts[0]['img'].device.type, parts[1]['img'].device.type) == ('cpu', 'meta')
    assert parts[1]['return_loss'] is True


def test_a_short_batch_uses_fewer_devices() -> None:
    parts = scatter(batch_of(2), ['cpu'] * 4)
    assert [part['ids'].tolist() for part in parts] == [[0], [1]]


@given(st.integers(1, 20), st.integers(1, 8))
def test_split_is_even_in_order_and_never_empty(n, parts) -> None:
    split = split_batch(batch_of(n), parts)
    sizes = [len(part['ids']) for part in split]
    assert len(split) == min(n, parts)
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1
    assert torch.cat([part['ids'] for part in split]).tolist() == list(range(n))
    for part in split:
        ids = part['ids'].tolist()
        assert part['img'].data.tolist() == ids
        assert [meta['i'] for meta in part['img_metas'].data] == ids
        assert [len(boxes) for boxes in part['gt_bboxes'].data] == ids


def test_values_of_different_lengths() -> None:
    with pytest.raises(DataError, match=r"'img': 3, 'img_metas': 2"):
        split_batch({'img': torch.ones(3), 'img_metas': [{}, {}]}, 2)


def test_nothing_per_image_gives_one_part() -> None:
    assert split_batch({'rescale': True, 'thr': torch.tensor(0.5)}, 3) == [
        {'rescale': True, 'thr': torch.tensor(0.5)}
    ]
