"""One picture per image, a sheet, and small images enlarged with their boxes."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.errors import ConfigError
from mmlite.visualization.drawing import class_colour
from mmlite.visualization.pictures import (
    check_display,
    enlarged,
    show_pictures,
    write_pictures,
)


class TwoImages:
    classes = ('cat', 'dog')

    def __init__(self, folder: Path) -> None:
        self.files = [folder / 'a.png', folder / 'b.png']
        for file in self.files:
            cv2.imwrite(str(file), np.zeros((60, 80, 3), np.uint8))

    def filename(self, i: int) -> str:
        return str(self.files[i])

    def get_data_info(self, i: int) -> dict:
        return dict(filename=self.filename(i), width=80, height=60)

    def get_ann_info(self, i: int) -> dict:
        return dict(bboxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64))


def test_one_picture_per_image_and_a_sheet(tmp_path: Path) -> None:
    nothing = np.zeros((0, 5), np.float32)
    box = np.array([[10, 20, 50, 40, 0.9]], np.float32)
    out = tmp_path / 'out'
    write_pictures([[box, nothing], [nothing, nothing]], TwoImages(tmp_path), out)
    assert sorted(p.name for p in out.iterdir()) == ['00000_a.jpg', '00001_b.jpg', 'sheet.jpg']
    drawn, empty = (cv2.imread(str(out / name)) for name in ('00000_a.jpg', '00001_b.jpg'))
    assert drawn.shape == (480, 640, 3)  # 80 x 8 = 640 is the first multiple of 80 from 600 on
    # the left side, times 8; JPEG changes a colour a little
    np.testing.assert_allclose(drawn[30 * 8, 10 * 8], class_colour(1), atol=60)
    assert drawn[30 * 8, 5 * 8].max() < 30
    assert empty.max() < 30


def test_large_images_keep_their_size() -> None:
    img = np.zeros((700, 900, 3), np.uint8)
    assert enlarged(img)[0].shape == img.shape
    assert enlarged(img)[1] == 1


def test_no_display_is_said_before_the_test(monkeypatch) -> None:
    monkeypatch.setattr('sys.platform', 'linux')
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    with pytest.raises(ConfigError, match='--show-dir'):
        check_display()
    monkeypatch.setenv('DISPLAY', ':0')
    check_display()


def test_showing_stops_at_q(tmp_path: Path, monkeypatch) -> None:
    shown = []
    monkeypatch.setattr(cv2, 'imshow', lambda name, img: shown.append(img.shape))
    monkeypatch.setattr(cv2, 'setWindowTitle', lambda *_: None)
    monkeypatch.setattr(cv2, 'destroyAllWindows', lambda: None)
    monkeypatch.setattr(cv2, 'waitKey', lambda _: ord('q'))
    nothing = [np.zeros((0, 5), np.float32)] * 2
    show_pictures([nothing, nothing], TwoImages(tmp_path))
    assert shown == [(480, 640, 3)]
