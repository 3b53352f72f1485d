"""What is written, read back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets.voc import VOCDataset
from mmlite.inference import KINDS, Detections, Frame, write_detections

CLASSES = ('cat', 'dog')
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


def test_csv(out: Path) -> None:
    rows = list(csv.DictReader((out / 'detections.csv').open(newline='')))
    assert len(rows) == 4
    assert rows[0] == dict(
        file='in/a.png', frame='', x1='1.25', y1='2.00', x2='20.40', y2='30.00',
        score='0.75000', label='2', name='dog',
    )  # fmt: skip
    assert rows[2]['frame'] == '0'


def test_xml_is_read_by_the_voc_data_set(out: Path) -> None:
    cv2.imwrite(str(out / 'voc/JPEGImages/a.png'), frames()[0].img)  # where the user has it
    dataset = VOCDataset(data_root=str(out / 'voc'), metainfo=dict(classes=CLASSES), test_mode=True)
    assert sorted(Path(dataset.filename(i)).name for i in range(4)) == [
        'a.png', 'v_000000.jpg', 'v_000001.jpg', 'v_000002.jpg',
    ]  # fmt: skip
    ann = dataset.get_ann_info(0)
    # whole pixels, from 1 in the file and from 0 again here
    np.testing.assert_array_equal(ann['bboxes'], [[1, 2, 20, 30], [3, 4, 50, 41]])
    np.testing.assert_array_equal(ann['labels'], [2, 1])
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
    assert shown[0] > 20 > shown[1]  # boxes in the first alone


def test_what_was_found_is_kept_where_something_goes_wrong(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), write_detections(tmp_path, ['json'], CLASSES) as write:
        write(frames()[0], DET)
        raise KeyboardInterrupt
    assert len(json.loads((tmp_path / 'detections.json').read_text())['images']) == 1
