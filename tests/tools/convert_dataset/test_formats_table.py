"""Each row of the table in docs/formats.md: the files are read as the row says."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from mmlite.datasets import DetDataset, build_dataset
from tests.runs import CHECKOUT, cli

FORMATS = CHECKOUT / 'tests/data/formats'
TRUTH = json.loads((FORMATS / 'truth.json').read_text('utf-8'))
TOLERANCE = {'exact': 1e-3, '0.01 px': 1e-2, 'whole pixels': 1e-3}
UPLOADED = '0a1b2c3d-'  # Label Studio's mark before the names of uploads

# where the images of a form lie, if not in images
IMAGES = {
    'supervision/voc': 'JPEGImages',
    'datumaro/coco_instances': 'images/train',
    'datumaro/voc_detection': 'JPEGImages',
    'datumaro/wider_face': 'WIDER_train/images/no_label',
    'label_studio/coco': 'upload/1',
    'roboflow_coco': 'train',
    'roboflow_voc': 'train',
    'roboflow_yolo': 'train/images',
    'labelimg_voc': '',
    'labelimg_yolo': '',
    'labelme_hand': '',
    'fiftyone_coco': 'data',
    'fiftyone_yolo': 'images/train',
    'kitti': 'image_2',
    'datumaro/kitti_detection': 'train/image_2',
    'datumaro/yolo': 'obj_train_data',
    'cvat_yolo': 'obj_train_data',
    'sahi/yolo': 'train',
    'imgann/yolo': '',
}
# what the writer has made of the boxes that are not whole; others cut fractions off
DOG = (22.5, 10.25, 50.75, 41.5)
WHOLE = {
    'supervision/voc': {DOG: (23, 10, 51, 42)},  # 22.5 + 1 is rounded to 24
    'imgann/voc': {DOG: (22.5, 10.25, 50, 41)},  # int(x + w), int(y + h)
    'imgann/yolo': {DOG: (22.25, 9.625, 49.75, 40.375)},  # x, y moved by cut sides
    'imgann/table.csv': {DOG: (22.5, 10.25, 50, 41)},
    'labelimg_voc': {(0, 0, 20, 20): (1, 1, 20, 20)},  # it writes 1 for 0
    # 20 / 60 * 100 / 100 * 60 = 19.999...
    'label_studio/voc': {
        (30, 10, 64, 48): (30, 10, 64, 47),
        (0, 0, 20, 20): (0, 0, 20, 19),
        (40, 20, 78, 58): (40, 19, 78, 57),
    },
}
# classes that the form itself fixes
OTHER_CLASSES = {
    'wider_face': dict(cat='face', dog='face'),
    'visdrone': dict(cat='pedestrian', dog='car'),
}


class Row(NamedTuple):
    writer: str
    form: str
    files: str
    boxes: str
    marked: str
    empty: str
    how: str


def rows() -> list[Row]:
    text = (CHECKOUT / 'docs/formats.md').read_text('utf-8')
    lines = re.findall(r'^\| (.*) \|$', text, re.MULTILINE)
    cells = [re.split(r' \| ', line) for line in lines]
    found = [[cell.strip('`') for cell in line] for line in cells if len(line) == 7]
    return [Row(*line) for line in found if (FORMATS / line[2]).exists()]


ROWS = rows()


def place(row: Row, folder: Path) -> Path:
    """Copies the files of a row, with the images where its form has them."""
    source = FORMATS / row.files
    target = folder / row.files
    root = target if source.is_dir() else target.parent
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        target.parent.mkdir(parents=True)
        shutil.copy(source, target)
    images = root / IMAGES.get(row.files, 'images')
    images.mkdir(parents=True, exist_ok=True)
    mark = UPLOADED if row.files.startswith('label_studio') else ''
    for image in (FORMATS / 'images').iterdir():
        shutil.copy(image, images / f'{mark}{image.name}')
    return root


def as_config(text: str) -> dict:
    """The dict that `dict(a=..., b=dict(...))` is."""

    def value(node: ast.expr) -> object:
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) == 'dict'
            return {keyword.arg: value(keyword.value) for keyword in node.keywords}
        return ast.literal_eval(node)

    return value(ast.parse(text, mode='eval').body)


def read(row: Row, folder: Path, monkeypatch: pytest.MonkeyPatch) -> DetDataset:
    root = place(row, folder)
    if row.how.startswith('dict('):
        return build_dataset(
            dict(metainfo=dict(classes='auto'), test_mode=True, pipeline=[])
            | dict(as_config(row.how), data_root=str(root))
        )
    words = shlex.split(row.how)
    monkeypatch.chdir(folder)
    ended = cli(*words, 'out')
    assert ended.status == 0, ended.err
    config = re.search('^to read it: (.*)$', ended.out, re.MULTILINE)[1]
    return build_dataset(as_config(config) | dict(test_mode=True, pipeline=[]))


def meant(row: Row) -> dict[str, list[tuple]]:
    """What a row says that is read: by image (class, ignored, corners)."""
    names = OTHER_CLASSES.get(row.files, {})
    whole = WHOLE.get(row.files, {})
    found: dict[str, list[tuple]] = {}
    for image in TRUTH['images']:
        boxes = []
        for box in image['boxes']:
            corners = tuple(box['box'])
            if row.boxes == 'whole pixels':
                corners = whole.get(corners, tuple(map(int, corners)))
            marked = box.get('marked', False)
            if not (marked and row.marked == 'left out'):
                name = names.get(box['class'], box['class'])
                boxes.append((name, marked and row.marked == 'kept', *corners))
        if boxes or row.empty == 'kept':
            found[image['name']] = boxes
    return found


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row.files)
def test_a_row_of_the_table(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if 'hugging_face' in row.files and importlib.util.find_spec('pyarrow') is None:
        pytest.skip('pyarrow is not there: pip install "mmlite[formats]"')
    dataset = read(row, tmp_path, monkeypatch)
    found = {}
    for i in range(len(dataset)):
        info = dataset.get_coco_info(i)
        x, y, w, h = info['xywh'].T
        boxes = np.stack([x, y, x + w, y + h], 1).tolist()
        names = [dataset.classes[label - 1] for label in info['labels']]
        name = Path(dataset.filename(i)).name.removeprefix(UPLOADED)
        found[name] = [(n, *b) for n, *b in zip(names, info['crowd'].tolist(), boxes, strict=True)]
    expected = meant(row)
    assert found.keys() == expected.keys()
    for image, boxes in expected.items():
        assert [(n, bool(c)) for n, c, _ in found[image]] == [(n, c) for n, c, *_ in boxes], image
        corners = np.array([b for *_, b in found[image]]).reshape(-1, 4)
        wanted = np.array([b[2:] for b in boxes], float).reshape(-1, 4)
        np.testing.assert_allclose(corners, wanted, rtol=0, atol=TOLERANCE[row.boxes])


def test_every_folder_has_its_row() -> None:
    there = {
        path.relative_to(FORMATS).parts[0]
        for path in FORMATS.iterdir()
        if path.is_dir() and path.name != 'images'
    }
    assert {row.files.split('/')[0] for row in ROWS} >= there - {'cvat_video'}
    assert len(ROWS) >= 45


def refusals() -> list[list[str]]:
    text = (CHECKOUT / 'docs/formats.md').read_text('utf-8')
    cells = [line.split(' | ') for line in re.findall(r'^\| (.*) \|$', text, re.MULTILINE)]
    found = [[cell.strip('`') for cell in line] for line in cells if len(line) == 5]
    return [line for line in found if (FORMATS / line[2]).exists()]


@pytest.mark.parametrize('line', refusals(), ids=lambda line: line[2])
def test_what_is_wrong_is_refused(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row(*line[:3], '', '', '', '')
    root = place(row, tmp_path)
    source = tmp_path / row.files
    monkeypatch.chdir(tmp_path)
    ended = cli('convert_dataset', source, 'out', '--to', 'coco', '--images', root / 'images')
    assert ended.status == 2 and line[4] in ended.err
    assert 'Traceback' not in ended.err


def test_there_are_two_refusals() -> None:
    assert len(refusals()) == 2
