"""CVAT XML 1.1: annotations of images, and tracks of videos."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from mmlite.datasets.annotation_files import Box
from mmlite.datasets.values import number_of
from mmlite.datasets.voc_xml import load_xml
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import (
    Corners,
    around,
    name_of,
    numbers,
    size_of,
    starts_like,
)
from mmlite.tools.convert_dataset.source import (
    ATTRIBUTES,
    POLYGONS,
    ROTATED,
    Picture,
    Records,
    Source,
)

LOOKS_FOR = 'an XML file whose root is <annotations> with <image> or <track>'
_MAX_FRAMES = 10**7
_BOX = ('xtl', 'ytl', 'xbr', 'ybr')


def finds(source: Source) -> bool:
    return any('<annotations' in starts_like(path) for path in source.ending_in('.xml'))


def records(source: Source) -> Records:
    """Reads all files of the source; classes are in the order of the task's labels."""
    files = source.ending_in('.xml')
    found = [path for path in files if '<annotations' in starts_like(path)] or files
    roots = [(path, load_xml(path)) for path in found]
    for path, root in roots:
        if root.tag != 'annotations':
            raise DataError(f'{path}: the root element is <{root.tag}>, not <annotations>')
    labels = [
        label.findtext('name', '').strip()
        for _, root in roots
        for label in root.iterfind('meta//labels/label')
    ]
    return Records(_pictures(source, roots), list(dict.fromkeys(filter(None, labels))))


def _pictures(source: Source, roots: list[tuple[Path, Element]]) -> Iterator[Picture]:
    for path, root in roots:
        yield from source.each(lambda e, at=path: _image(source, e, at), root.iterfind('image'))
        if root.find('track') is not None:
            yield from _frames(source, root, path)


def _image(source: Source, element: Element, path: Path) -> Picture:
    at = f'{path}: image {element.get("name")!r}'
    if not element.get('name'):
        raise DataError(f'{path}: an <image> without a name')
    boxes = [box for shape in element if (box := _box(source, shape, shape.get('label'), at))]
    return Picture(element.get('name'), boxes, size_of(element.get('width'), element.get('height')))


def _frames(source: Source, root: Element, path: Path) -> Iterator[Picture]:
    """Yields the frames of a video, named frame_000000 as CVAT exports them."""
    size = size_of(
        root.findtext('meta//original_size/width'), root.findtext('meta//original_size/height')
    )
    length = number_of(root.findtext('meta//size')) or 0
    boxes: dict[int, list[Box]] = {}
    if 0 < length < _MAX_FRAMES:
        boxes = {frame: [] for frame in range(int(length))}
    for track in root.iterfind('track'):
        source.lose('tracks, written as boxes of single frames')
        for shape in track:
            at = f'{path}: track {track.get("id")}'
            frame = number_of(shape.get('frame'))
            if frame is None or not 0 <= frame < _MAX_FRAMES or frame % 1:
                found = shape.get('frame')
                raise DataError(f'{at}: frame is a number from 0, found {found!r:.50}')
            box = None
            if shape.get('outside') != '1':
                box = _box(source, shape, track.get('label'), at)
            boxes.setdefault(int(frame), []).extend([box] if box else [])
    for frame in sorted(boxes):
        yield Picture(f'frame_{frame:06d}', boxes[frame], size)


def _box(source: Source, shape: Element, label: str | None, at: str) -> Box | None:
    corners = _corners(source, shape, at)
    if corners is None:
        source.lose(f'CVAT shapes <{shape.tag}>, left out')
        return None
    source.lose(ATTRIBUTES, len(shape.findall('attribute')) + (shape.get('occluded') == '1'))
    return Box(name_of(label, at), corners)


def _corners(source: Source, shape: Element, at: str) -> Corners | None:
    """Returns the box around a shape; None for one that has no area."""
    if shape.tag == 'box':
        x1, y1, x2, y2 = numbers([shape.get(key) for key in _BOX], 4, f'{at}: {", ".join(_BOX)}')
        [angle] = numbers([shape.get('rotation', '0')], 1, f'{at}: rotation')
        if angle % 360 == 0:
            return x1, y1, x2, y2
        source.lose(ROTATED)
        return turned((x1, y1, x2, y2), angle)
    if shape.tag == 'polygon':
        source.lose(POLYGONS)
        points = [point.split(',') for point in shape.get('points', '').split(';')]
        return around(points, f'{at}: points')
    if shape.tag == 'ellipse':
        source.lose(POLYGONS)
        x, y, rx, ry = numbers([shape.get(key) for key in ('cx', 'cy', 'rx', 'ry')], 4, at)
        return x - rx, y - ry, x + rx, y + ry
    if shape.tag == 'mask':
        source.lose(POLYGONS)
        keys = ('left', 'top', 'width', 'height')
        left, top, width, height = numbers([shape.get(key) for key in keys], 4, at)
        return left, top, left + width, top + height
    return None


def turned(corners: Corners, angle: float) -> Corners:
    """Returns the upright box around one that is turned about its centre by degrees."""
    x1, y1, x2, y2 = corners
    cos, sin = abs(math.cos(math.radians(angle))), abs(math.sin(math.radians(angle)))
    half_width = ((x2 - x1) * cos + (y2 - y1) * sin) / 2
    half_height = ((x2 - x1) * sin + (y2 - y1) * cos) / 2
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height
