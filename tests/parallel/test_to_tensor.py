from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmlite.parallel import to_tensor


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)  # torch's; no files of mmengine's
        yield


@pytest.mark.parametrize(
    ('found', 'key', 'wanted'),
    [
        ('int32', 'gt_labels', torch.int64),
        ('float64', 'gt_labels', torch.int64),
        ('uint8', 'labels_ignore', torch.int64),
        ('int64', 'gt_bboxes', torch.float32),
        ('float64', 'gt_bboxes_ignore', torch.float32),
        ('float16', 'boxes', torch.float32),
        ('int64', 'weights', torch.float32),
        ('int64', 'label_weights', torch.float32),
        ('int32', 'gt_bboxes_labels', torch.int64),  # mmdet 3.x's name for labels
        ('uint8', 'img', torch.uint8),
        ('uint16', 'img', torch.float32),
        ('float64', 'image', torch.float32),
        ('int64', 'img', torch.float32),
        ('int32', 'img_id', torch.int64),
        ('uint8', None, torch.uint8),
        ('int16', None, torch.int64),
        ('uint16', None, torch.int64),
        ('float64', None, torch.float32),
        ('bool', None, torch.bool),
    ],
)
def test_dtype_by_key_then_by_dtype(found, key, wanted) -> None:
    array = np.ones((2, 4), found)
    tensor = to_tensor(array, key)
    assert tensor.dtype == wanted
    assert tensor.tolist() == array.tolist()
    if found != 'uint16':  # torch has it from 2.3 only
        assert to_tensor(torch.from_numpy(array), key).dtype == wanted


@pytest.mark.parametrize(
    ('number', 'key', 'wanted'),
    [
        (3, None, torch.int64),
        (3.5, None, torch.float32),
        (True, None, torch.bool),
        (np.float64(2), None, torch.float32),
        (np.int8(2), None, torch.int64),
        (np.array(2.0), None, torch.float32),
        (3, 'gt_bboxes', torch.float32),
        (3.0, 'label', torch.int64),
    ],
)
def test_a_lone_number_has_the_shape_1(number, key, wanted) -> None:
    tensor = to_tensor(number, key)
    assert tensor.shape == (1,)
    assert tensor.dtype == wanted
    assert tensor.item() == number


def test_lists() -> None:
    assert to_tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    assert to_tensor([[1, 2], [3, 4]]).dtype == torch.int64
    assert to_tensor((1, 2.5)).dtype == torch.float32
    assert to_tensor([], 'gt_labels').dtype == torch.int64
    assert to_tensor(range(3)).tolist() == [0, 1, 2]
    assert to_tensor([np.array([1, 2]), np.array([3, 4])]).shape == (2, 2)


ARRAY = np.arange(24, dtype=np.float32).reshape(4, 6)


@pytest.mark.parametrize(
    'array',
    [
        ARRAY[::-1],
        ARRAY[:, ::-1],
        ARRAY[:1][::-1],  # contiguous to numpy, yet its stride is negative
        ARRAY[:0][::-1],
        ARRAY.T,
        ARRAY[::2, 1:5:3],
        ARRAY.astype('>f4'),
        ARRAY.astype('>i2'),
        np.broadcast_to(ARRAY[0], (3, 6)),
        np.frombuffer(ARRAY.tobytes(), np.float32),  # read-only
        np.array([(1, 2.5)], dtype=[('a', 'u1'), ('b', '<f4')])['b'],  # unaligned
    ],
)
def test_any_memory_layout(array) -> None:
    tensor = to_tensor(array)
    assert tensor.is_contiguous()
    assert tensor.tolist() == array.tolist()
    tensor.fill_(0)  # memory of its own or writable


def test_shares_memory_where_nothing_is_to_be_done() -> None:
    array = np.zeros((2, 4), np.float32)
    to_tensor(array, 'gt_bboxes')[0, 0] = 5
    assert array[0, 0] == 5


def test_a_transposed_tensor_becomes_contiguous() -> None:
    assert to_tensor(torch.zeros(2, 3).T).is_contiguous()


@pytest.mark.parametrize(
    ('data', 'found'),
    [
        (None, 'NoneType'),
        ('cat', 'str'),
        (b'cat', 'bytes'),
        (object(), 'object'),
        ({'a': 1}, 'dict'),
        ({1, 2}, 'set'),
        (['cat', 'dog'], 'list of dtype <U3'),
        ([1, None], 'list of dtype object'),
        (1j, 'complex'),
        (np.array(['cat']), 'ndarray of dtype <U3'),
        (np.array([None]), 'ndarray of dtype object'),
        ([[1, 2], [3]], 'a list that is no array'),
    ],
)
def test_type_error_names_key_and_type(data, found) -> None:
    with pytest.raises(TypeError, match=f"key 'gt_labels': expected .* found {found}"):
        to_tensor(data, 'gt_labels')
    with pytest.raises(TypeError, match='to_tensor: expected'):
        to_tensor(data)


@given(
    hnp.arrays(
        st.sampled_from(['u1', 'i2', '>i4', 'i8', 'f2', '>f4', 'f4', '?']),
        hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4),
        elements=st.integers(0, 1),
    ),
    st.lists(st.sampled_from([1, -1, 2, -2]), min_size=3, max_size=3),
    st.booleans(),
)
def test_values_survive_any_view(array, steps, transpose) -> None:
    view = array[tuple(slice(None, None, step) for step in steps[: array.ndim])]
    view = view.T if transpose else view
    tensor = to_tensor(view)
    assert tensor.shape == view.shape
    assert tensor.is_contiguous()
    assert tensor.tolist() == view.tolist()
