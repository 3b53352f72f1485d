from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch

from mmlite.parallel import DataContainer


def test_defaults_and_properties() -> None:
    container = DataContainer(torch.zeros(3, 4, 5))
    assert (container.stack, container.cpu_only) == (False, False)
    assert (container.padding_value, container.pad_dims) == (0, 2)
    assert container.datatype == 'torch.FloatTensor'
    assert container.size() == (3, 4, 5)
    assert container.size(1) == 4
    assert container.dim() == 3
    assert len(container) == 3


def test_data_that_are_no_tensor() -> None:
    container = DataContainer({'filename': 'a.jpg'}, cpu_only=True)
    assert container.datatype is dict
    with pytest.raises(AttributeError):
        container.size()


def test_is_read_only() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DataContainer(1).data = 2


@pytest.mark.parametrize('pad_dims', [0, 4, 'two'])
def test_wrong_pad_dims(pad_dims) -> None:
    with pytest.raises(ValueError, match='pad_dims is None, 1, 2 or 3'):
        DataContainer(torch.zeros(1), pad_dims=pad_dims)


def test_repr_shows_shape_and_what_is_not_default() -> None:
    image = DataContainer(torch.zeros(3, 4, 5, dtype=torch.uint8), stack=True)
    assert repr(image) == 'DataContainer(tensor (3, 4, 5) uint8, stack=True)'
    boxes = DataContainer([torch.zeros(2, 4), torch.zeros(0, 4)])
    assert repr(boxes) == 'DataContainer(list of 2: tensor (2, 4) float32, ...)'


def test_replace_keeps_the_settings() -> None:
    other = DataContainer(1, stack=True, padding_value=7, cpu_only=True, pad_dims=3).replace(2)
    assert other.data == 2
    assert (other.stack, other.padding_value, other.cpu_only, other.pad_dims) == (True, 7, True, 3)


def test_pickles() -> None:
    copy = pickle.loads(pickle.dumps(DataContainer(torch.ones(2), stack=True)))
    assert copy.stack
    assert copy.data.tolist() == [1, 1]


def test_pin_memory_reaches_tensors_and_lists_but_not_cpu_only(monkeypatch) -> None:
    monkeypatch.setattr(torch.Tensor, 'pin_memory', lambda self: self + 100)  # needs no GPU
    assert DataContainer(torch.tensor([1]), stack=True).pin_memory().data.tolist() == [101]
    assert DataContainer([torch.tensor([1]), 'a']).pin_memory().data == [torch.tensor([101]), 'a']
    assert DataContainer([torch.tensor([1])], cpu_only=True).pin_memory().data[0].tolist() == [1]
