"""What is written, read back."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mmlite.datasets import CocoDataset, CsvDataset, DetDataset, VOCDataset, YoloDataset
from mmlite.datasets.annotation_files import written_corners
from mmlite.datasets.voc_corners import COORDINATES, edges
from mmlite.inference import KINDS, Detections, Frame, read_frames, write_detections
from mmlite.tools.convert_dataset import Source, convert

CLASSES = ('cat', 'dog')
AS_WRITTEN = dict(metainfo=dict(classes=CLASSES), test_mode=True)
DET = Detections(
    np.float32([[1.25, 2, 20.4, 30], [3, 4, 50, 40.6]]),
    np.float32([0.75, 0.5]),
    np.array([2, 1]),
    CLASSES,
)
NONE = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int), CLASSES)


def frames() -> list[Frame]:
    img = np.full((48, 64, 3), 200, np.uint8)
    video = [Frame(img, 'in/v.mp4', f'v_{i:06d}', i, 10.0, 'v') for i in range(3)]
    return [Frame(img, 'in/a.png', 'a'), *video]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    with write_detections(tmp_path / 'out', list(KINDS), CLASSES) as write:
        for i, frame in enumerate(frames()):
            write(frame, DET if i < 2 else NONE)
    return tmp_path / 'out'


def test_json(out: Path) -> None:
    found = json.loads((out / 'detections.json').read_text())
    assert found['classes'] == ['cat', 'dog']
    assert [(i['file'], i['frame'], len(i['detections'])) for i in found['images']] == [
        ('in/a.png', None, 2), ('in/v.mp4', 0, 2), ('in/v.mp4', 1, 0), ('in/v.mp4', 2, 0),
    ]  # fmt: skip
    first = found['images'][0]
    assert (first['width'], first['height']) == (64, 48)
    assert first['detections'][0] == dict(
        bbox=[1.25, 2.0, 20.4, 30.0], score=0.75, label=2, name='dog'
    )


def test_csv_is_read_by_its_data_set(out: Path) -> None:
    rows = list(csv.DictReader((out / 'detections.csv').open(newline='')))
    assert [(row['filename'], row['frame'], row['class']) for row in rows] == [
        ('a.png', '', 'dog'), ('a.png', '', 'cat'), ('v_000000.jpg', '0', 'dog'),
        ('v_000000.jpg', '0', 'cat'), ('v_000001.jpg', '1', ''), ('v_000002.jpg', '2', ''),
    ]  # fmt: skip
    assert (rows[0]['confidence'], rows[0]['label'], rows[0]['source']) == (
        '0.75000', '2', 'in/a.png',
    )  # fmt: skip
    dataset = CsvDataset(ann_file='detections.csv', data_root=str(out), **AS_WRITTEN)
    assert_read(dataset, ['a.png', 'v_000000.jpg', 'v_000001.jpg', 'v_000002.jpg'])


def test_coco_is_read_by_its_data_set_and_by_pycocotools(out: Path) -> None:
    dataset = CocoDataset(ann_file='coco/annotations.json', data_root=str(out), **AS_WRITTEN)
    assert_read(dataset, ['a.png', 'v_000000.jpg', 'v_000001.jpg', 'v_000002.jpg'])
    assert (out / 'coco/images/v_000002.jpg').is_file()
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(out / 'coco/annotations.json'))
        results = truth.loadRes(str(out / 'coco/results.json'))
        evaluated = COCOeval(truth, results, 'bbox')
        evaluated.evaluate()
        evaluated.accumulate()
        evaluated.summarize()
    assert sorted(truth.anns) == [1, 2, 3, 4] and sorted(truth.cats) == [1, 2]
    found = results.loadAnns(results.getAnnIds(imgIds=[1]))
    assert [(ann['category_id'], ann['score']) for ann in found] == [(2, 0.75), (1, 0.5)]
    np.testing.assert_allclose(found[0]['bbox'], [1.25, 2, 19.15, 28], atol=0.001)
    assert evaluated.stats[0] == pytest.approx(1)  # the detections against themselves


@pytest.mark.parametrize('coordinates', COORDINATES)
def test_voc_is_read_by_its_data_set(tmp_path: Path, coordinates: str) -> None:
    with write_detections(tmp_path, ['voc'], CLASSES, coordinates) as write:
        for i, frame in enumerate(frames()):
            write(frame, DET if i < 2 else NONE)
    dataset = VOCDataset(data_root=str(tmp_path / 'voc'), coordinates=coordinates, **AS_WRITTEN)
    assert [Path(dataset.filename(i)).name for i in range(4)] == [
        'a.png', 'v_000000.jpg', 'v_000001.jpg', 'v_000002.jpg',
    ]  # fmt: skip
    assert dataset.judged.coordinates == coordinates
    ann = dataset.get_ann_info(0)
    np.testing.assert_array_equal(ann['bboxes'], [[1, 2, 20, 30], [3, 4, 50, 41]])
    np.testing.assert_array_equal(ann['labels'], [2, 1])
    assert [len(dataset.get_ann_info(i)['labels']) for i in range(4)] == [2, 2, 0, 0]


@pytest.mark.parametrize(
    ('coordinates', 'corners'),
    [
        ('inclusive', (1, 1, 64, 48)),
        ('devkit', (1, 1, 64, 48)),  # 65 and 49 are no pixels of the image
        ('zero_based', (0, 0, 64, 48)),
    ],
)
def test_voc_corners_at_the_border(coordinates: str, corners: tuple) -> None:
    assert written_corners((-3, 0, 64, 50), (64, 48), coordinates) == corners


@pytest.mark.parametrize('coordinates', ['inclusive', 'devkit', 'zero_based'])
@pytest.mark.parametrize('box', [(63.8, 47.9, 66, 50), (9.6, 5.2, 10.4, 5.4)])
def test_a_thin_box_is_a_pixel_wide_when_it_is_read_back(coordinates: str, box: tuple) -> None:
    written = np.array([written_corners(box, (64, 48), coordinates)], float)
    x1, y1, x2, y2 = edges(written, coordinates)[0]
    assert (x2 - x1, y2 - y1) == (1, 1) and written.max() <= 64


def test_yolo_is_read_by_its_data_set(out: Path) -> None:
    dataset = YoloDataset(data_root=str(out / 'yolo'), **AS_WRITTEN)
    assert_read(dataset, ['a.png', 'v_000000.jpg', 'v_000001.jpg', 'v_000002.jpg'])
    described = YoloDataset(data_root=str(out / 'yolo'), ann_file='data.yaml', **AS_WRITTEN)
    assert described.classes == CLASSES and len(described) == 4
    row = (out / 'yolo_conf/labels/a.txt').read_text().splitlines()[0]
    # (1.25 + 20.4) / 2 / 64, (2 + 30) / 2 / 48, 19.15 / 64, 28 / 48, and the score
    np.testing.assert_allclose(
        list(map(float, row.split())), [1, 0.169141, 0.333333, 0.299219, 0.583333, 0.75], atol=1e-6
    )
    assert (out / 'yolo_conf/labels/v_000002.txt').read_text() == ''


def test_labelme_is_read_by_the_converter(out: Path, tmp_path: Path) -> None:
    source = Source(out / 'labelme')
    done = convert(source, 'coco', tmp_path / 'coco')
    assert done.read_as == 'labelme' and done.classes == ['cat', 'dog']
    assert [(image.name, len(image.boxes)) for image in done.went] == [
        ('a.png', 2), ('v_000000.jpg', 2), ('v_000001.jpg', 0), ('v_000002.jpg', 0),
    ]  # fmt: skip
    np.testing.assert_allclose(done.went[0].boxes[0].corners, DET.bboxes[0], atol=0.001)
    assert dict(source.lost) == {'scores': 4}


def test_image_files_are_copied_beside_their_annotations(tmp_path: Path) -> None:
    photos = tmp_path / 'photos'
    names = ['b.png', 'deep/a.jpg', 'deep/b.png']
    for name in names:
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(photos / name), np.full((48, 64, 3), 200, np.uint8))
    forms = ['coco', 'csv', 'yolo', 'voc', 'labelme']
    with write_detections(tmp_path / 'out', forms, CLASSES) as write:
        for frame in read_frames([str(photos)]):
            write(frame, DET)
    images = json.loads((tmp_path / 'out/coco/annotations.json').read_text())['images']
    assert [image['file_name'] for image in images] == names
    out = tmp_path / 'out'
    # read with the images where they were
    for kind, file in ((CocoDataset, 'coco/annotations.json'), (CsvDataset, 'detections.csv')):
        arguments = dict(data_root=str(photos), data_prefix=dict(img=''), **AS_WRITTEN)
        dataset = kind(ann_file=str(out / file), **arguments)
        assert [dataset.filename(i) for i in range(3)] == [str(photos / name) for name in names]
    for folder, kind in (('yolo', YoloDataset), ('voc', VOCDataset)):
        dataset = kind(data_root=str(out / folder), **AS_WRITTEN)
        found = sorted(Path(dataset.filename(i)).name for i in range(3))
        assert found == ['a.jpg', 'b.png', 'b_2.png']
        copy = Path(dataset.filename(0))
        assert copy.read_bytes() in {(photos / name).read_bytes() for name in names}
    assert sorted(path.name for path in (out / 'labelme').iterdir()) == [
        'a.jpg', 'a.json', 'b.json', 'b.png', 'b_2.json', 'b_2.png',
    ]  # fmt: skip


def assert_read(dataset: DetDataset, names: list[str]) -> None:
    assert [Path(dataset.filename(i)).name for i in range(len(dataset))] == names
    ann = dataset.get_ann_info(0)
    np.testing.assert_allclose(ann['bboxes'], DET.bboxes, atol=0.001)
    np.testing.assert_array_equal(ann['labels'], DET.labels)
    assert [len(dataset.get_ann_info(i)['labels']) for i in range(4)] == [2, 2, 0, 0]


def test_pictures_are_of_images_and_videos_of_videos(out: Path) -> None:
    assert [path.name for path in (out / 'pictures').iterdir()] == ['a.jpg']
    picture = cv2.imread(str(out / 'pictures' / 'a.jpg'))
    assert picture.shape == (48, 64, 3) and picture.std() > 20  # boxes on the grey
    capture = cv2.VideoCapture(str(out / 'videos' / 'v.mp4'))
    shown = []
    while (frame := capture.read())[0]:
        shown.append(frame[1].std())
    assert len(shown) == 3 and capture.get(cv2.CAP_PROP_FPS) == 10
    assert shown[0] > 20 > shown[1]  # boxes only in the first


def test_what_was_found_is_kept_where_something_goes_wrong(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), write_detections(tmp_path, ['json'], CLASSES) as write:
        write(frames()[0], DET)
        raise KeyboardInterrupt
    assert len(json.loads((tmp_path / 'detections.json').read_text())['images']) == 1
