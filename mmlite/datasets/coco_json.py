"""COCO's annotation files as flat arrays. n images, K categories, G annotations in all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from mmlite.collector import collector_paused
from mmlite.datasets.annotations import HUGE, Arrays, cached
from mmlite.errors import DataError


def load_coco_json(path: str) -> Arrays:
    """Reads an annotation file, or takes it from the cache if it has not changed.

    Returns:
        image_ids (n,) and category_ids (K,) as JSON text, file_names (n,), sizes (n, 2) int32
        (w, h; 0 where unknown), category_names (K,); and of the G annotations, image after image
        and within one as the file has them: image_inds (G,) and category_inds (G,) int64, bboxes
        (G, 4) float64 as x, y, w, h, areas (G,) float64 (w * h where the file has none), crowd
        (G,) bool, ignore (G,) bool. `unlisted` () is the number of annotations left out since the
        file does not list their image.

    Raises:
        DataError: the file is not such a file; the message says which entry.
    """
    stat = os.stat(path)
    fingerprint = dict(stat=np.array([stat.st_size, stat.st_mtime_ns]))

    def parse() -> Arrays:
        with collector_paused():
            return parse_coco(read_json(path), path)

    return cached(f'coco\0{path}', fingerprint, parse)


def read_json(path: str) -> dict[str, Any]:
    """Reads a JSON file that holds an object; outlines of objects are left out.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    try:
        with open(path, encoding='utf-8-sig') as file:
            content = json.load(file, object_hook=_without_outline)
    except json.JSONDecodeError as error:
        raise DataError(
            f'{path}:{error.lineno}: not well-formed JSON: {error.msg} (column {error.colno}). '
            'A file that ends too early was not downloaded or written to its end.'
        ) from None
    except RecursionError:
        raise DataError(f'{path}: cannot be read as JSON: lists in lists without end') from None
    except (OSError, ValueError) as error:  # no such file, no text, a number without end
        raise DataError(f'{path}: cannot be read as JSON: {error}') from None
    if not isinstance(content, dict):
        raise DataError(f'{path}: an object is expected, found a {type(content).__name__}')
    return content


def parse_coco(content: dict[str, Any], path: str) -> Arrays:
    """Turns the content of an annotation file into arrays, see `load_coco_json`.

    Raises:
        DataError: names the entry that cannot be used, by its place and what was expected.
    """
    images, categories, annotations = (
        _entries(content, key, path) for key in ('images', 'categories', 'annotations')
    )
    image_ids = _unique_ids(images, 'images', path)
    category_ids = _unique_ids(categories, 'categories', path)
    names = [_text(entry, 'name', 'categories', path) for entry in categories]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise DataError(
            f'{path}: categories have the name {sorted(twice)[0]!r} more than once, and classes '
            'are told apart by their names'
        )
    listed = [entry for entry in annotations if _id(entry, 'image_id') in image_ids]
    _unique_ids(listed, 'annotations', path)
    bboxes = _bboxes(listed, path)
    of_objects = dict(
        image_inds=np.array([image_ids[entry['image_id']] for entry in listed], np.int64),
        category_inds=np.array(
            [_category(entry, category_ids, path) for entry in listed], np.int64
        ),
        bboxes=bboxes,
        areas=_areas(listed, bboxes, path),
        crowd=np.array([bool(entry.get('iscrowd')) for entry in listed], bool),
        ignore=np.array([bool(entry.get('ignore')) for entry in listed], bool),
    )
    # sorted now, since the entries are read fastest in the order in which they lie in memory
    order = np.argsort(of_objects['image_inds'], kind='stable')
    return dict(
        image_ids=_json_texts(image_ids),
        file_names=np.array([_text(entry, 'file_name', 'images', path) for entry in images], str),
        sizes=np.array(
            [(_side(entry.get('width')), _side(entry.get('height'))) for entry in images], np.int32
        ).reshape(-1, 2),
        category_ids=_json_texts(category_ids),
        category_names=np.array(names, str),
        unlisted=np.array(len(annotations) - len(listed)),
        **{name: array[order] for name, array in of_objects.items()},
    )


def _without_outline(entry: dict[str, Any]) -> dict[str, Any]:
    """Lets go of a polygon as soon as it is read: they are three quarters of COCO's file."""
    entry.pop('segmentation', None)
    return entry


def _entries(content: dict, key: str, path: str) -> list[dict]:
    entries = content.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(
            f"{path}: no list of objects under '{key}'; a COCO file has images, annotations and "
            f'categories, this one has {", ".join(content) or "nothing"}'
        )
    return entries


def _unique_ids(entries: list[dict], what: str, path: str) -> dict[Any, int]:
    """Returns the index of each entry by its id."""
    inds: dict[Any, int] = {}
    for i, entry in enumerate(entries):
        key = entry.get('id')
        if not isinstance(key, (int, str)) or isinstance(key, bool):
            raise DataError(f'{path}: {what}[{i}]: a number or text is expected as id: {key!r}')
        if inds.setdefault(key, i) != i:
            raise DataError(f'{path}: {what}[{inds[key]}] and {what}[{i}] share the id {key!r}')
    return inds


def _id(entry: dict, key: str) -> Any:
    """Returns an id that an entry refers to; None for what can be no id, such as a list."""
    return entry.get(key) if isinstance(entry.get(key), (int, str)) else None


def _text(entry: dict, key: str, what: str, path: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(f'{path}: {what} with id {entry.get("id")!r}: no {key}, found {value!r}')
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f'{path}: {what}: {key} {value!r} is no text in Unicode') from None
    return value


def _side(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) and 0 < value < HUGE else 0


def _category(entry: dict, category_ids: dict, path: str) -> int:
    key = entry.get('category_id')
    if _id(entry, 'category_id') not in category_ids:
        raise DataError(
            f'{path}: annotation {entry["id"]!r} has the category_id {key!r}, which categories do '
            f'not list; they have {", ".join(map(repr, list(category_ids)[:20]))}'
        )
    return category_ids[key]


def _bboxes(entries: list[dict], path: str) -> np.ndarray:
    bboxes = [entry.get('bbox') for entry in entries]
    try:
        array = np.array(bboxes, np.float64).reshape(-1, 4)
        if len(array) == len(entries) and (np.abs(array) < HUGE).all():
            return array
    except (TypeError, ValueError, OverflowError):
        pass
    for entry, bbox in zip(entries, bboxes, strict=True):
        if not _are_numbers(bbox, 4):
            raise DataError(
                f'{path}: annotation {entry["id"]!r}: bbox is four numbers x, y, w, h; found '
                f'{bbox!r:.100}'
            )
    raise AssertionError('one of the boxes must have been wrong')


def _areas(entries: list[dict], bboxes: np.ndarray, path: str) -> np.ndarray:
    areas = bboxes[:, 2] * bboxes[:, 3]
    for i, entry in enumerate(entries):
        if 'area' in entry:
            if not _are_numbers([entry['area']], 1):
                raise DataError(
                    f'{path}: annotation {entry["id"]!r}: area is a number, found {entry["area"]!r}'
                )
            areas[i] = entry['area']
    return areas


def _are_numbers(values: Any, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(value, (int, float)) and abs(value) < HUGE**2 for value in values)
    )


def _json_texts(values: Iterable) -> np.ndarray:
    return np.array([json.dumps(value) for value in values], str)
