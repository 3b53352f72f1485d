"""Inputs of every kind, of pictures drawn here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets.encoded_image import ImageError
from mmlite.errors import DataError
from mmlite.inference import read_frames
from mmlite.inference.sources import find_sources


def draw(path: Path, grey: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 12, 3), grey, np.uint8))
    return path


def draw_video(path: Path, greys: list[int]) -> Path:
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 10.0, (64, 48))
    for grey in greys:
        video.write(np.full((48, 64, 3), grey, np.uint8))
    video.release()
    return path


def test_a_folder_gives_what_lies_in_it_sorted(tmp_path: Path) -> None:
    files = [draw(tmp_path / name) for name in ('b.png', 'a/x.png', 'a/y.PNG')]
    (tmp_path / 'notes.txt').write_text('no image')
    frames = list(read_frames([str(tmp_path)]))
    assert [frame.source for frame in frames] == sorted(map(str, files))
    assert all(frame.index is None and frame.img.shape == (8, 12, 3) for frame in frames)


def test_a_pattern(tmp_path: Path) -> None:
    for name in ('a1.png', 'a2.png', 'b.png', 'deep/a3.png'):
        draw(tmp_path / name)
    assert [Path(p).name for p in find_sources(f'{tmp_path}/a*.png')] == ['a1.png', 'a2.png']
    assert len(find_sources(f'{tmp_path}/**/a*.png')) == 3


def test_a_file_with_brackets_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    path = draw(tmp_path / 'a[1].png')
    assert find_sources(str(path)) == [str(path)]


def test_equal_names_in_two_folders_become_two(tmp_path: Path) -> None:
    inputs = [str(draw(tmp_path / part / 'x.png')) for part in 'abc']
    assert [frame.name for frame in read_frames(inputs)] == ['x', 'x_2', 'x_3']


def test_a_video_gives_its_frames(tmp_path: Path) -> None:
    path = draw_video(tmp_path / 'v.mp4', [0, 100, 200])
    frames = list(read_frames([str(path)]))
    assert [(frame.name, frame.index) for frame in frames] == [
        ('v_000000', 0), ('v_000001', 1), ('v_000002', 2),
    ]  # fmt: skip
    assert frames[0].fps == 10
    for frame, grey in zip(frames, [0, 100, 200], strict=True):
        assert abs(frame.img.mean() - grey) < 5  # MPEG-4 loses a little
    assert len(list(read_frames([str(path)], max_frames=2))) == 2


class OneCamera:
    """Takes the place of OpenCV's: camera 3 gives two frames."""

    def __init__(self, source: object) -> None:
        self.is_there, self.left = source == 3, 2

    def isOpened(self) -> bool:
        return self.is_there

    def get(self, _key: int) -> float:
        return 0.0  # many cameras do not say how fast they are

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return self.left >= 0, np.zeros((4, 4, 3), np.uint8)

    def release(self) -> None:
        pass


def test_a_file_named_like_a_camera_is_a_file(tmp_path: Path) -> None:
    [frame] = read_frames([str(draw(tmp_path / 'camera 1.png'))])
    assert (frame.name, frame.video) == ('camera_1', None)


def test_a_frame_and_a_file_of_one_name_become_two(tmp_path: Path) -> None:
    inputs = [str(draw_video(tmp_path / 'v.mp4', [0])), str(draw(tmp_path / 'v_000000.png'))]
    assert [(f.name, f.video) for f in read_frames(inputs)] == [
        ('v_000000', 'v'), ('v_000000_2', None),
    ]  # fmt: skip


def test_a_number_is_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, 'VideoCapture', OneCamera)
    frames = list(read_frames(['3']))
    assert [(f.source, f.name, f.fps) for f in frames] == [
        ('camera 3', 'camera_3_000000', 25.0), ('camera 3', 'camera_3_000001', 25.0),
    ]  # fmt: skip
    with pytest.raises(DataError, match='camera 4: OpenCV cannot open this camera'):
        list(read_frames(['4']))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('goen.png', "no such file or folder. Did you mean 'gone.png'"),
        ('no/*.png', 'the pattern fits no image'),
        ('empty', 'the folder holds no image'),
    ],
)
def test_what_is_not_there(tmp_path: Path, text: str, message: str) -> None:
    draw(tmp_path / 'gone.png')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(DataError, match=message):
        read_frames([str(tmp_path / text)])  # before a frame is asked for


def test_a_broken_image_is_an_error_or_is_counted(tmp_path: Path) -> None:
    good = draw(tmp_path / 'good.png')
    (tmp_path / 'bad.png').write_bytes(b'no picture at all')
    with pytest.raises(ImageError, match=r'bad\.png'):
        list(read_frames([str(tmp_path)]))
    bad: list[str] = []
    assert [frame.source for frame in read_frames([str(tmp_path)], bad_images=bad)] == [str(good)]
    assert len(bad) == 1 and 'bad.png' in bad[0]


def test_a_file_that_is_no_video(tmp_path: Path) -> None:
    (tmp_path / 'v.mp4').write_bytes(b'no video at all')
    with pytest.raises(DataError, match=r'v\.mp4: OpenCV cannot open this video'):
        list(read_frames([str(tmp_path / 'v.mp4')]))
