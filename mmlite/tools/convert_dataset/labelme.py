"""labelme: a JSON file beside each image."""

from __future__ import annotations

import base64
import binascii
import math
from pathlib import Path
from typing import Any

from mmlite.datasets.annotation_files import Box
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import (
    Corners,
    around,
    get,
    load_json,
    name_of,
    numbers,
    size_of,
)
from mmlite.tools.convert_dataset.source import (
    ATTRIBUTES,
    POLYGONS,
    SCORES,
    Picture,
    Records,
    Source,
)

LOOKS_FOR = "JSON files with 'shapes' and 'imagePath'"
_OUTLINES = ('polygon', 'mask')


def finds(source: Source) -> bool:
    return any(is_labelme(source.json(path)) for path in source.ending_in('.json')[:3])


def is_labelme(content: Any) -> bool:
    return isinstance(content, dict) and {'shapes', 'imagePath'} <= set(content)


def records(source: Source) -> Records:
    """Reads each file; images without a file were not annotated, and are not taken."""
    files = source.ending_in('.json')
    if source.path.is_dir():
        source.lose(
            'images without a JSON file, which labelme writes for no image that is not annotated; '
            'left out',
            max(source.pictures.count - len(files), 0),
        )
    return Records(source.each(lambda path: _picture(source, path), files))


def _picture(source: Source, path: Path) -> Picture:
    content = load_json(path)  # not kept: images may be in it
    name = get(content, 'imagePath', str, str(path))
    shapes = get(content, 'shapes', list, str(path))
    boxes = [
        box
        for i, shape in enumerate(shapes)
        if (box := _box(source, shape, f'{path}: shapes[{i}]'))
    ]
    source.lose(ATTRIBUTES, _true_flags(content))
    size = size_of(content.get('imageWidth'), content.get('imageHeight'))
    data = None
    if content.get('imageData') and source.pictures.find(name, path.parent) is None:
        data = _decoded(get(content, 'imageData', str, str(path)), path)
    return Picture(name, boxes, size, data=data, near=path.parent)


def _box(source: Source, shape: Any, at: str) -> Box | None:
    points = get(shape, 'points', list, at)
    kind = get(shape, 'shape_type', str, at, default='polygon')  # as labelme's oldest files mean
    corners = _corners(kind, points, at)
    if corners is None:
        source.lose(f"labelme's {kind}, left out")
        return None
    if kind != 'rectangle':
        source.lose(POLYGONS)
    source.lose(ATTRIBUTES, _true_flags(shape) + bool(shape.get('description')))
    source.lose("labelme's groups", shape.get('group_id') is not None)
    source.lose(SCORES, shape.get('score') is not None)
    return Box(name_of(shape.get('label'), at), corners)


def _corners(kind: str, points: list, at: str) -> Corners | None:
    if kind == 'circle':
        if len(points) != 2:
            raise DataError(f'{at}: a circle has two points, found {points!r:.100}')
        (x, y), edge = (numbers(point, 2, f'{at}: points') for point in points)
        radius = math.dist((x, y), edge)
        return x - radius, y - radius, x + radius, y + radius
    if kind in ('rectangle', 'oriented_rectangle', *_OUTLINES):
        return around(points, f'{at}: points')
    return None


def _true_flags(entry: dict) -> int:
    flags = entry.get('flags')
    return sum(map(bool, flags.values())) if isinstance(flags, dict) else 0


def _decoded(text: str, path: Path) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise DataError(f'{path}: imageData is no base64: {error}') from None
