"""What can be looked at: images, folders and patterns of them, videos, cameras."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mmlite.datasets.encoded_image import ImageError, read_image
from mmlite.datasets.image_files import IMAGE_ENDINGS
from mmlite.errors import DataError
from mmlite.support.files import near_files

VIDEO_ENDINGS = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv')
_ENDINGS = (*IMAGE_ENDINGS, *VIDEO_ENDINGS)
_CAMERA_FPS = 25.0  # of a video of a camera that does not say how fast it is


@dataclass(frozen=True)
class Frame:
    """One picture to look at.

    Args:
        img: (h, w, 3) BGR uint8.
        source: the file, or 'camera 0'.
        name: unlike that of any other frame, and fit for a file name without its ending.
        index: number in its video, from 0; None for an image file.
        fps: pictures a second of the video.
        video: name of the video or camera, as fit for a file; None for an image file.
        path: of an image file, within the folder that all inputs lie in.
    """

    img: np.ndarray
    source: str
    name: str
    index: int | None = None
    fps: float = _CAMERA_FPS
    video: str | None = None
    path: str | None = None

    @property
    def file(self) -> str:
        """What an annotation file calls the picture, with `/` between folders."""
        return (
            f'{self.name}.jpg'
            if self.index is not None
            else self.path or os.path.basename(self.source)
        )


def read_frames(
    inputs: Sequence[str],
    max_frames: int | None = None,
    bad_images: list[str] | None = None,
) -> Iterator[Frame]:
    """Yields the pictures of all inputs, in their order.

    Args:
        inputs: each a file, a folder (with those inside it, sorted), a pattern such as
            'a/*.jpg' (`**` stands for any folders), or the number of a camera.
        max_frames: the most frames of each video or camera.
        bad_images: where given, gets why an image cannot be read, and the next one follows; else
            that is an error.

    Raises:
        DataError: an input is not there or holds nothing that can be read. What is not there is
            known before the first picture comes.
        ImageError: an image cannot be read.
    """
    sources = [source for text in inputs for source in find_sources(text)]
    return _frames_of(sources, _folder_of(inputs, sources), max_frames, bad_images)


def count_frames(inputs: Sequence[str]) -> int | None:
    """Returns how many pictures `read_frames` will yield; None with a video or camera."""
    sources = [source for text in inputs for source in find_sources(text)]
    return None if any(map(_is_film, sources)) else len(sources)


def _is_film(source: str | int) -> bool:
    return isinstance(source, int) or Path(source).suffix.lower() in VIDEO_ENDINGS


def _folder_of(inputs: Sequence[str], sources: Sequence[str | int]) -> str:
    """Returns the innermost folder that holds all folders given and all files."""
    folders = [os.path.abspath(text) for text in inputs if os.path.isdir(text)]
    files = [os.path.abspath(source) for source in sources if isinstance(source, str)]
    outside = [os.path.dirname(file) for file in files if not _is_in(file, folders)]
    try:
        return os.path.commonpath([*folders, *outside])
    except ValueError:  # cameras only, or two drives of Windows
        return ''


def _is_in(file: str, folders: Sequence[str]) -> bool:
    return any(file.startswith(os.path.join(folder, '')) for folder in folders)


def find_sources(text: str) -> list[str] | list[int]:
    """Returns the files that an input stands for, or the number of a camera.

    Raises:
        DataError: there are none.
    """
    if os.path.isdir(text):
        inside = sorted(str(path) for path in Path(text).rglob('*') if _has_ending(path))
        return _some(inside, f'{text}: the folder holds no image or video')
    if os.path.exists(text):
        return [text]
    if text.isdecimal():
        return [int(text)]
    if glob.has_magic(text):
        found = sorted(path for path in glob.glob(text, recursive=True) if _has_ending(Path(path)))
        return _some(found, f'{text}: the pattern fits no image or video')
    raise DataError(
        f'{text}: no such file or folder.{near_files(Path(text))} An image, a video, a folder, a '
        'pattern or the number of a camera is expected'
    )


def _some(found: list[str], reason: str) -> list[str]:
    if not found:
        raise DataError(f'{reason}; known endings: {" ".join(_ENDINGS)}')
    return found


def _has_ending(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS and path.is_file()


def _frames_of(
    sources: Sequence[str | int], folder: str, max_frames: int | None, bad_images: list[str] | None
) -> Iterator[Frame]:
    taken: set[str] = set()
    for source in sources:
        title = f'camera {source}' if isinstance(source, int) else source
        name = _new_name(Path(title).stem.replace(' ', '_'), taken)
        if _is_film(source):
            for index, (img, fps) in enumerate(_pictures(source, title, max_frames)):
                own = _new_name(f'{name}_{index:06d}', taken)
                yield Frame(img, title, own, index, fps, name)
            continue
        try:
            img = read_image(source)
        except ImageError as error:
            if bad_images is None:
                raise
            bad_images.append(str(error))
            continue
        path = Path(os.path.relpath(source, folder) if folder else source).as_posix()
        yield Frame(img, source, name, path=path)


def _new_name(stem: str, taken: set[str]) -> str:
    """Two folders may hold files of one name: the second becomes NAME_2."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f'{stem}_{number}'
    taken.add(name)
    return name


def _pictures(
    source: str | int, title: str, max_frames: int | None
) -> Iterator[tuple[np.ndarray, float]]:
    """Yields the pictures of a video or camera, and how many of them make a second."""
    kind = 'camera' if isinstance(source, int) else 'video'
    capture = cv2.VideoCapture(source)
    try:
        if not capture.isOpened():
            raise DataError(f'{title}: OpenCV cannot open this {kind}')
        fps = capture.get(cv2.CAP_PROP_FPS) or _CAMERA_FPS
        index = 0
        while max_frames is None or index < max_frames:
            is_there, img = capture.read()
            if not is_there:
                break
            yield img, fps
            index += 1
        if index == 0:
            raise DataError(f'{title}: no picture comes from this {kind}')
    finally:
        capture.release()
