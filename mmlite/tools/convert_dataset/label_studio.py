"""Label Studio: its JSON and JSON-MIN exports."""

from __future__ import annotations

import math
from typing import Any

from mmlite.datasets.annotation_files import Box
from mmlite.datasets.image_files import IMAGE_ENDINGS
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import (
    Corners,
    around,
    from_xywh,
    get,
    keyed_numbers,
    name_of,
    size_of,
)
from mmlite.tools.convert_dataset.files import one_json
from mmlite.tools.convert_dataset.pictures import written_path
from mmlite.tools.convert_dataset.source import (
    NO_CLASS,
    POLYGONS,
    ROTATED,
    UNLABELLED,
    Picture,
    Records,
    Source,
)

LOOKS_FOR = "a JSON list of tasks with 'annotations' and 'data', or with 'annotation_id' (JSON-MIN)"
_OTHERS = 'annotations of one image by further annotators, left out'
_SIDES = ('x', 'y', 'width', 'height')


def finds(source: Source) -> bool:
    return any(is_label_studio(source.json(path)) for path in source.ending_in('.json')[:3])


def is_label_studio(content: Any) -> bool:
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return False
    keys = set(content[0])
    return 'annotation_id' in keys or (
        'data' in keys and bool(keys & {'annotations', 'completions'})
    )


def records(source: Source) -> Records:
    """Reads one file. A task that nobody has annotated is left out, and counted."""
    path, tasks = one_json(source, is_label_studio)
    if not isinstance(tasks, list):
        raise DataError(f'{path}: a list of tasks is expected, found a {type(tasks).__name__}')
    entries = [(task, f'{path}: task [{i}]') for i, task in enumerate(tasks)]
    return Records(source.each(lambda item: _picture(source, *item), entries))


def _picture(source: Source, task: Any, at: str) -> Picture | None:
    if isinstance(task, dict) and 'data' not in task:
        name, found = _image_name(task, at), _of_json_min(task)
    else:
        name, found = _image_name(get(task, 'data', dict, at), at), _results(source, task, at)
    if found is None:
        source.lose(UNLABELLED)
        return None
    boxes, size = [], (0, 0)
    for i, (region, value) in enumerate(found):
        here = f'{at}: region [{i}]'
        written = size_of(region.get('original_width'), region.get('original_height'))
        size = written if written != (0, 0) else size
        corners = _corners(source, region, value, written, here)
        labels = _labels(value)
        if corners is None:
            source.lose(f'Label Studio regions of the type {region.get("type")!r:.30}, left out')
        elif not labels:
            source.lose(NO_CLASS)
        else:
            boxes += [Box(name_of(label, here), corners) for label in labels]
    return Picture(name, boxes, size, shares=True)


def _image_name(data: dict, at: str) -> str:
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    for key, value in texts.items():
        if key == 'image' or written_path(value).lower().endswith(IMAGE_ENDINGS):
            return value
    raise DataError(f'{at}: no path of an image; it has {", ".join(map(repr, data))}')


def _results(source: Source, task: dict, at: str) -> list[tuple[dict, dict]] | None:
    """Returns the regions of the first annotation with their values; None where there is none."""
    key = 'annotations' if 'annotations' in task else 'completions'
    annotations = get(task, key, list, at)
    made = [a for a in annotations if not (isinstance(a, dict) and a.get('was_cancelled'))]
    source.lose('predictions of models', len(task.get('predictions') or ()))
    if not made:
        return None
    source.lose(_OTHERS, len(made) - 1)
    regions = get(made[0], 'result', list, f'{at}: annotations[0]')
    by_id: dict[Any, tuple[dict, dict]] = {}  # a rectangle and its label may be two results
    for i, region in enumerate(regions):
        here = f'{at}: result[{i}]'
        value = get(region, 'value', dict, here)
        identity = region.get('id', i) if isinstance(region.get('id', i), (str, int)) else i
        first, merged = by_id.get(identity, (region, {}))
        by_id[identity] = first, merged | value
    return list(by_id.values())


def _of_json_min(task: dict) -> list[tuple[dict, dict]]:
    regions = [value for value in task.values() if isinstance(value, list)]
    found = [region for of_tag in regions for region in of_tag if isinstance(region, dict)]
    return [(region, region) for region in found]


def _labels(value: dict) -> list:
    for key, labels in value.items():
        if key.endswith('labels') and isinstance(labels, list):
            return labels
    return []


def _corners(
    source: Source, region: dict, value: dict, size: tuple[int, int], at: str
) -> Corners | None:
    """Returns the box around a region in shares of the image; values are per cent of it."""
    if 'radiusX' in value:
        source.lose(POLYGONS)
        x, y, rx, ry = keyed_numbers(value, ('x', 'y', 'radiusX', 'radiusY'), at)
        corners = x - rx, y - ry, x + rx, y + ry
    elif 'points' in value:
        source.lose(POLYGONS)
        corners = around(get(value, 'points', list, at), f'{at}: points')
    elif set(_SIDES) & set(value) and 'keypointlabels' not in value:
        x, y, width, height = keyed_numbers(value, _SIDES, at)
        [angle] = keyed_numbers(dict(rotation=value.get('rotation') or 0), ('rotation',), at)
        corners = from_xywh(x, y, width, height)
        if angle % 360:
            source.lose(ROTATED)
            corners = _turned(x, y, width, height, angle, size, at)
    else:
        return None
    return tuple(number / 100 for number in corners)


def _turned(
    x: float, y: float, width: float, height: float, angle: float, size: tuple[int, int], at: str
) -> Corners:
    """Returns the upright box, in per cent, around one turned clockwise about its first corner."""
    if size == (0, 0):
        raise DataError(f'{at}: a turned region without original_width and original_height')
    w, h = (side / 100 for side in size)  # turned as pixels, for per cent are no squares
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    corners = [(0, 0), (width * w, 0), (0, height * h), (width * w, height * h)]
    xs = [x + (dx * cos - dy * sin) / w for dx, dy in corners]
    ys = [y + (dx * sin + dy * cos) / h for dx, dy in corners]
    return min(xs), min(ys), max(xs), max(ys)
