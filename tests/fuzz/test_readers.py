"""The readers of annotations, and of images, raise nothing but UserError, whatever is in a file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets import DetDataset
from mmlite.datasets.encoded_image import ImageError, read_image
from mmlite.datasets.image_files import read_head, read_size
from mmlite.errors import UserError
from tests.corpus.good import FIRST, coco, good_copy, voc
from tests.corpus.yolo_csv import csv, yolo, yolo_copy
from tests.fuzz import BOUNDED

ODD_WORDS = st.sampled_from(
    ['', ' ', '-1', '0', '1e309', '1e30', '-1e38', '2147483648', 'nan', 'inf', '0x10', '1_0', '٣',
     '9' * 400, '1,5', '..', '../../x', '/etc/passwd', '\x00', '\ud800', 'true', '<', '&', '"', "'",
     '%s', '{}', '-', '2.5']
) | st.text(max_size=5)  # fmt: skip
ODD_VALUES = st.sampled_from(
    [None, True, 0, -1, 3, 10**12, 10**400, 0.5, -1e300, float('nan'), float('inf'), '', '1', '..',
     '\ud800', 'a\x00', '/etc/passwd', [], [1], [[]], [None] * 4, ['a'] * 4, [10**400] * 4,
     [1, 2, float('nan'), 4], [1e300] * 4, {}, {'id': 1}]
)  # fmt: skip


@st.composite
def mutations(draw: Any) -> Callable[[bytes], bytes]:
    """Some bytes are changed, inserted, left out, repeated, or the end is cut off."""
    edits = draw(
        st.lists(
            st.tuples(
                st.sampled_from(['change', 'insert', 'remove', 'repeat', 'cut']),
                st.floats(0, 1),
                st.binary(min_size=1, max_size=6),
            ),
            min_size=1,
            max_size=4,
        )
    )

    def mutate(data: bytes) -> bytes:
        for kind, place, new in edits:
            i = int(place * len(data))
            pieces = {
                'change': data[:i] + new + data[i + len(new) :],
                'insert': data[:i] + new + data[i:],
                'remove': data[:i] + data[i + 7 * len(new) :],
                'repeat': data[:i] + data[i : i + 40] * len(new) + data[i:],
                'cut': data[:i],
            }
            data = pieces[kind]
        return data

    return mutate


@pytest.fixture(scope='module')
def roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The good data of each kind; nothing that is read goes into the cache."""
    lines = 'filename,xmin,ymin,xmax,ymax,class,width\n' + ''.join(
        f'00000{i}.jpg,10,20,50,44,cross,96\n' for i in range(1, 9)
    )
    good = good_copy(tmp_path_factory.mktemp('fuzz'))
    (good / 'all.csv').write_text(lines)
    yolo = yolo_copy(tmp_path_factory.mktemp('yolo'))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMLITE_CACHE', '/dev/null/none')
        yield dict(good=good, yolo=yolo)


def is_sound(build: Callable[[], DetDataset]) -> None:
    """The data set is refused as a mistake of the user's, or all its boxes and names are sound."""
    try:
        dataset = build()
    except UserError as error:
        assert str(error)
        return
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        bboxes, labels = info['ann']['bboxes'], info['ann']['labels']
        assert np.isfinite(bboxes).all() and (bboxes[:, 2:] > bboxes[:, :2]).all()
        assert len(bboxes) == len(labels)
        assert ((labels >= 1) & (labels <= len(dataset.classes))).all()
        assert min(info['width'], info['height']) >= 0


def with_content(path: Path, content: bytes, build: Callable[[], DetDataset]) -> None:
    """Builds the data set with another content of the file: it must be sound."""
    good = path.read_bytes()
    path.write_bytes(content)
    try:
        is_sound(build)
    finally:
        path.write_bytes(good)


# ---- bytes


@BOUNDED
@given(mutations())
def test_voc_xml(roots: dict[str, Path], mutate: Callable) -> None:
    path = roots['good'] / f'Annotations/{FIRST}.xml'
    with_content(path, mutate(path.read_bytes()), lambda: voc(roots['good'], max_bad=0.5))


@BOUNDED
@given(mutations())
def test_voc_list(roots: dict[str, Path], mutate: Callable) -> None:
    path = roots['good'] / 'ImageSets/Main/trainval.txt'
    with_content(path, mutate(path.read_bytes()), lambda: voc(roots['good'], max_bad=1.0))


@BOUNDED
@given(mutations())
def test_coco_json(roots: dict[str, Path], mutate: Callable) -> None:
    path = roots['good'] / 'instances_train2017.json'
    with_content(path, mutate(path.read_bytes()), lambda: coco(roots['good'], max_bad=1.0))


@BOUNDED
@given(mutations())
def test_csv_table(roots: dict[str, Path], mutate: Callable) -> None:
    path = roots['good'] / 'all.csv'
    with_content(path, mutate(path.read_bytes()), lambda: csv(roots['good'], max_bad=1.0))


@BOUNDED
@given(mutations(), st.sampled_from([f'labels/{FIRST}.txt', 'data.yaml']))
def test_yolo_text_and_names(roots: dict[str, Path], mutate: Callable, name: str) -> None:
    path = roots['yolo'] / name
    with_content(path, mutate(path.read_bytes()), lambda: yolo(roots['yolo'], max_bad=0.5))


@BOUNDED
@given(mutations(), st.sampled_from(['.jpg', '.png', '.webp', '.bmp', '.gif', '.tif']))
def test_images(tmp_path: Path, mutate: Callable, ending: str) -> None:
    from PIL import Image

    path = tmp_path / f'a{ending}'
    Image.new('RGB', (20, 10), (9, 99, 9)).save(path)
    path.write_bytes(mutate(path.read_bytes()))
    width, height = read_size(str(path))
    assert width >= 0 and height >= 0
    try:
        assert read_image(str(path)).shape[2] == 3
        assert read_head(str(path))[0] is None  # what can be decoded is not refused before
    except ImageError:
        pass


# ---- values: the file is well-formed, and something in it is odd


def replaced(text: str, pattern: str, number: int, word: str) -> bytes:
    """The text with another word in one of the places that the pattern finds."""
    spans = [found.span(1) for found in re.finditer(pattern, text)]
    start, end = spans[number % len(spans)]
    return (text[:start] + word + text[end:]).encode('utf-8', 'surrogatepass')


@BOUNDED
@given(st.integers(0, 999), ODD_WORDS)
def test_a_value_of_voc_xml(roots: dict[str, Path], number: int, word: str) -> None:
    path = roots['good'] / f'Annotations/{FIRST}.xml'
    with_content(
        path,
        replaced(path.read_text(), r'>([^<>\s]+)</', number, word),
        lambda: voc(roots['good'], max_bad=0.5),
    )


@BOUNDED
@given(st.integers(0, 999), ODD_WORDS)
def test_a_cell_of_a_table(roots: dict[str, Path], number: int, word: str) -> None:
    path = roots['good'] / 'all.csv'
    with_content(
        path,
        replaced(path.read_text(), r'([^,\n]+)', number, word),
        lambda: csv(roots['good'], max_bad=1.0),
    )


@BOUNDED
@given(st.integers(0, 999), ODD_WORDS)
def test_a_number_of_yolo(roots: dict[str, Path], number: int, word: str) -> None:
    path = roots['yolo'] / f'labels/{FIRST}.txt'
    with_content(
        path,
        replaced(path.read_text(), r'(\S+)', number, word),
        lambda: yolo(roots['yolo'], max_bad=0.5),
    )


@BOUNDED
@given(st.sampled_from(['images', 'annotations', 'categories']), st.data())
def test_a_value_of_coco_json(roots: dict[str, Path], part: str, data: Any) -> None:
    path = roots['good'] / 'instances_train2017.json'
    content = json.loads(path.read_text())
    example = content[part][0]
    for key in data.draw(st.lists(st.sampled_from(sorted(example)), min_size=1, max_size=3)):
        data.draw(st.sampled_from(content[part]))[key] = data.draw(ODD_VALUES)
    with_content(path, json.dumps(content).encode(), lambda: coco(roots['good'], max_bad=1.0))
