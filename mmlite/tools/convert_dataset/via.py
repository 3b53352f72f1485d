"""VGG Image Annotator 2.x (and 1.x): a project, or its annotations as JSON."""

from __future__ import annotations

from typing import Any

from mmlite.datasets.annotation_files import Box
from mmlite.errors import ConfigError
from mmlite.tools.convert_dataset.content import (
    Corners,
    around,
    from_xywh,
    get,
    keyed_numbers,
    name_of,
)
from mmlite.tools.convert_dataset.cvat import turned
from mmlite.tools.convert_dataset.files import one_json
from mmlite.tools.convert_dataset.source import (
    ATTRIBUTES,
    NO_CLASS,
    POLYGONS,
    Picture,
    Records,
    Source,
)

LOOKS_FOR = "a JSON file with '_via_img_metadata', or whose entries have 'filename' and 'regions'"
_NAMED_LIKE_A_CLASS = ('class', 'label', 'category', 'type', 'name', 'object')
_DEGREES = 180 / 3.141592653589793


def finds(source: Source) -> bool:
    return any(is_via(source.json(path)) for path in source.ending_in('.json')[:3])


def is_via(content: Any) -> bool:
    if not isinstance(content, dict) or not content:
        return False
    images = content.get('_via_img_metadata', content)
    return '_via_img_metadata' in content or all(
        isinstance(entry, dict) and {'filename', 'regions'} <= set(entry)
        for entry in images.values()
    )


def records(source: Source) -> Records:
    """Reads one file. An image of the project without regions has no objects."""
    path, content = one_json(source, is_via)
    images = get(dict(content=content), 'content', dict, str(path))
    if '_via_img_metadata' in content:
        images = get(content, '_via_img_metadata', dict, str(path))
    attribute = source.class_attribute or _class_attribute(images, str(path))
    entries = [(entry, f'{path}: {key!r:.80}') for key, entry in images.items()]
    return Records(source.each(lambda item: _picture(source, attribute, *item), entries))


def _class_attribute(images: dict, path: str) -> str:
    """Returns which attribute of the regions is their class."""
    found: dict[str, None] = {}
    for entry in images.values():
        for region in _regions(entry):
            attributes = region.get('region_attributes') if isinstance(region, dict) else None
            found |= dict.fromkeys(attributes if isinstance(attributes, dict) else ())
    if len(found) <= 1:
        return next(iter(found), 'class')
    named = [key for key in found if key.lower() in _NAMED_LIKE_A_CLASS]
    if len(named) == 1:
        return named[0]
    raise ConfigError(
        f'{path}: regions have the attributes {", ".join(found)}: --class-attribute NAME says '
        'which is the class'
    )


def _regions(entry: Any) -> list:
    regions = entry.get('regions') if isinstance(entry, dict) else None
    if isinstance(regions, dict):  # of VIA 1.x: '0', '1', ...
        return list(regions.values())
    return regions if isinstance(regions, list) else []


def _picture(source: Source, attribute: str, entry: Any, at: str) -> Picture:
    name = get(entry, 'filename', str, at)
    if not isinstance(entry.get('regions'), dict):
        get(entry, 'regions', list, at)
    boxes = []
    for i, region in enumerate(_regions(entry)):
        shape = get(region, 'shape_attributes', dict, f'{at}: regions[{i}]')
        corners = _corners(source, shape, f'{at}: regions[{i}]')
        attributes = get(region, 'region_attributes', dict, f'{at}: regions[{i}]')
        value = _chosen(attributes.get(attribute))
        if corners is None:
            source.lose(f'VIA regions of the shape {shape.get("name")!r:.20}, left out')
        elif value in (None, ''):
            source.lose(NO_CLASS)
        else:
            source.lose(ATTRIBUTES, len(attributes) - 1)
            boxes.append(Box(name_of(value, at), corners))
    source.lose('attributes of files', len(entry.get('file_attributes') or ()))
    return Picture(name, boxes)


def _chosen(value: Any) -> Any:
    """Returns the value of an attribute; of checkboxes the one that is ticked."""
    if isinstance(value, dict):
        ticked = [key for key, is_on in value.items() if is_on]
        return ticked[0] if len(ticked) == 1 else None
    return value


def _corners(source: Source, shape: dict, at: str) -> Corners | None:
    kind = shape.get('name')
    if kind == 'rect':
        return from_xywh(*keyed_numbers(shape, ('x', 'y', 'width', 'height'), at))
    if kind == 'polygon':
        source.lose(POLYGONS)
        xs, ys = (get(shape, f'all_points_{axis}', list, at) for axis in 'xy')
        return around([[x, y] for x, y in zip(xs, ys, strict=False)], at)
    if kind == 'circle':
        source.lose(POLYGONS)
        x, y, r = keyed_numbers(shape, ('cx', 'cy', 'r'), at)
        return x - r, y - r, x + r, y + r
    if kind == 'ellipse':
        source.lose(POLYGONS)
        x, y, rx, ry = keyed_numbers(shape, ('cx', 'cy', 'rx', 'ry'), at)
        [theta] = keyed_numbers(dict(theta=shape.get('theta', 0)), ('theta',), at)
        return turned((x - rx, y - ry, x + rx, y + ry), theta * _DEGREES)
    return None
