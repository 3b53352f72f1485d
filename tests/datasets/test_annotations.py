from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets import annotations
from mmlite.datasets.annotations import cached, pack_records


def record(name: str, counts: int, first: int = 0) -> dict:
    """A record whose boxes and labels count up from `first`."""
    numbers = np.arange(first, first + counts)
    ann = dict(
        bboxes=np.repeat(numbers, 4).reshape(-1, 4).astype(np.float32),
        labels=numbers + 1,
        difficult=numbers % 2 == 1,
    )
    return dict(filename=name, width=10, height=20, ann=ann)


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=['Cs'])), st.integers(0, 4))))
def test_pack_keeps_every_record(images: list[tuple[str, int]]) -> None:
    packed = pack_records([record(name, count, 10 * i) for i, (name, count) in enumerate(images)])
    assert len(packed) == len(images)
    for i, (name, count) in enumerate(images):
        rows = slice(packed.starts[i], packed.starts[i + 1])
        assert packed.filename(i) == name
        assert packed.labels[rows].tolist() == [10 * i + k + 1 for k in range(count)]
        assert (packed.image_inds[rows] == i).all()


def test_keep_boxes_keeps_all_images() -> None:
    packed = pack_records([record('a', 2), record('b', 1, 2), record('c', 3, 3)])
    kept = packed.keep_boxes(packed.labels > 3)  # labels 1 2 | 3 | 4 5 6
    assert kept.starts.tolist() == [0, 0, 0, 3]
    assert kept.labels.tolist() == [4, 5, 6]
    assert kept.difficult.tolist() == [True, False, True]
    assert kept.filename(1) == 'b'


def test_take_takes_their_boxes_along() -> None:
    packed = pack_records([record('a', 2), record('bb', 1, 2), record('ccc', 3, 3)])
    kept = packed.take([0, 2])
    assert [kept.filename(i) for i in range(2)] == ['a', 'ccc']
    assert kept.starts.tolist() == [0, 2, 5]
    assert kept.labels.tolist() == [1, 2, 4, 5, 6]
    assert kept.sizes.tolist() == [[10, 20], [10, 20]]


@given(st.lists(st.integers(0, 4), min_size=1), st.data())
def test_take_is_packing_only_those_records(counts: list[int], data: st.DataObject) -> None:
    records = [record(f'image {i}', count, 10 * i) for i, count in enumerate(counts)]
    inds = data.draw(st.lists(st.integers(0, len(counts) - 1)))  # in any order, some twice
    kept, packed = pack_records(records).take(inds), pack_records([records[i] for i in inds])
    assert kept.all_filenames() == packed.all_filenames() == [f'image {i}' for i in inds]
    assert kept.source_inds.tolist() == inds
    for name in ('name_starts', 'sizes', 'starts', 'bboxes', 'labels', 'difficult'):
        ours, theirs = getattr(kept, name), getattr(packed, name)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)


class Counted:
    """A `compute` that says how often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return dict(values=np.arange(3), names=np.array(['ä', 'b']))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


def test_the_second_time_comes_from_the_cache(cache) -> None:
    compute = Counted()
    first = cached('key', dict(stat=np.array([1, 2])), compute)
    second = cached('key', dict(stat=np.array([1, 2])), compute)
    assert compute.calls == 1
    assert first.keys() == second.keys() == {'values', 'names'}
    assert second['names'].tolist() == ['ä', 'b']
    assert [path.suffix for path in cache.iterdir()] == ['.npz']  # no temporary file is left


def test_a_changed_fingerprint_key_or_version_computes_again(cache, monkeypatch) -> None:
    compute = Counted()
    cached('key', dict(stat=np.array([1, 2])), compute)
    cached('key', dict(stat=np.array([1, 3])), compute)
    assert compute.calls == 2
    cached('other key', dict(stat=np.array([1, 3])), compute)
    assert compute.calls == 3
    monkeypatch.setattr(annotations, 'CACHE_VERSION', annotations.CACHE_VERSION + 1)
    cached('key', dict(stat=np.array([1, 3])), compute)
    assert compute.calls == 4


@pytest.mark.parametrize('keep', [0, 10, 300])
def test_a_damaged_cache_is_replaced(cache, keep: int) -> None:
    compute = Counted()
    cached('key', dict(stat=np.array(1)), compute)
    (file,) = cache.iterdir()
    file.write_bytes(file.read_bytes()[:keep])
    assert cached('key', dict(stat=np.array(1)), compute)['values'].tolist() == [0, 1, 2]
    assert compute.calls == 2
    cached('key', dict(stat=np.array(1)), compute)
    assert compute.calls == 2


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path, monkeypatch) -> None:
    (tmp_path / 'file').write_text('')
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'file' / 'cache'))
    assert cached('key', {}, Counted())['values'].tolist() == [0, 1, 2]


def test_a_folder_in_the_place_of_a_cache_does_no_harm(cache) -> None:
    cached('key', {}, Counted())
    (file,) = cache.iterdir()
    file.unlink()
    file.mkdir()
    assert cached('key', {}, Counted())['values'].tolist() == [0, 1, 2]
