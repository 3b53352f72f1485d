"""What a reader of a format gets and gives: files, pictures, and the account of what is lost."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from mmlite.datasets.annotation_files import Box
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import load_json
from mmlite.tools.convert_dataset.pictures import PictureFiles

POLYGONS = 'polygons, written as the boxes around them'
ROTATED = 'rotated boxes, written as the upright boxes around them'
ATTRIBUTES = 'attributes'
SCORES = 'scores'
NO_CLASS = 'regions without a class, left out'
UNLABELLED = 'images that nobody has annotated yet, left out'


@dataclass
class Picture:
    """An image with its boxes, as a reader gives it.

    Args:
        name: as the annotation has it; a path with any kind of slashes, or a name without ending.
        boxes: in pixels, or in shares of the image.
        size: (w, h) in pixels as the annotation has it; (0, 0) where it does not say.
        shares: whether the boxes are shares of the image.
        data: the encoded image, where the annotation holds it.
        file: the image, where the reader has found it.
        near: the folder that `name` starts from, where several images have that name.
    """

    name: str
    boxes: list[Box]
    size: tuple[int, int] = (0, 0)
    shares: bool = False
    data: bytes | None = None
    file: Path | None = None
    near: Path | None = None


class Records(NamedTuple):
    """The pictures of a data set, and its class names in order; () for the names found, sorted."""

    pictures: Iterable[Picture]
    classes: Sequence[str] = ()


@dataclass
class Source:
    """The data set to be read.

    Args:
        path: the file or folder.
        images: a folder to look for the images in.
        coordinates: of VOC's corners, see `VOCDataset`; None for that class's own rule.
        class_attribute: the attribute that is the class, where the format leaves that open.
        split: of YOLO's data.yaml; '' for train.
        skip_bad: leave out pictures whose annotation cannot be used, and count them.
    """

    path: Path
    images: Path | None = None
    coordinates: str | None = None
    class_attribute: str | None = None
    split: str = ''
    skip_bad: bool = False
    lost: Counter[str] = field(default_factory=Counter)  # what the target does not get, by kind
    notes: list[str] = field(default_factory=list)  # what was found out about the files
    bad: list[str] = field(default_factory=list)  # why annotations were left out

    @property
    def root(self) -> Path:
        """The folder that the data lie in."""
        return (self.path if self.path.is_dir() else self.path.parent).resolve()

    @cached_property
    def files(self) -> list[Path]:
        """The file itself, or all files in the folder, sorted."""
        if self.path.is_file():
            return [self.path]
        inside = (
            Path(folder, name)
            for folder, folders, names in os.walk(self.path)
            if folders.sort() is None
            for name in sorted(names)
        )
        return [path for path in inside if not path.name.startswith('.')]

    def ending_in(self, *endings: str) -> list[Path]:
        """Returns the files with these endings."""
        return [path for path in self.files if path.suffix.lower() in endings]

    @cached_property
    def pictures(self) -> PictureFiles:
        """Finds the image files."""
        return PictureFiles(self.path, self.images)

    def json(self, path: Path) -> Any:
        """Returns the content of a JSON file, which is read once."""
        if path not in self._json:
            self._json[path] = load_json(path)
        return self._json[path]

    @cached_property
    def _json(self) -> dict[Path, Any]:
        return {}

    def lose(self, what: str, count: int = 1) -> None:
        """Counts what the target does not get."""
        if count:
            self.lost[what] += count

    def each(self, read: Callable[[Any], Picture | None], entries: Iterable) -> Iterator[Picture]:
        """Yields `read(entry)` where it is a picture; with skip_bad counts what cannot be used."""
        for entry in entries:
            try:
                picture = read(entry)
            except DataError as error:
                if not self.skip_bad:
                    raise
                self.bad.append(str(error))
                continue
            if picture is not None:
                yield picture
