"""COCO's annotation files as flat arrays. n images, K categories, G annotations in all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from mmlite.datasets.annotations import HUGE, Arrays, cached
from mmlite.datasets.values import number_of, truth_value
from mmlite.errors import DataError
from mmlite.support.collector import collector_paused


def load_coco_json(path: str) -> Arrays:
    """Reads an annotation file, or takes it from the cache if it has not changed.

    Returns:
        image_ids (n,) and category_ids (K,) as JSON text, file_names (n,), sizes (n, 2) int32
        (w, h; 0 where unknown), category_names (K,); and of the G annotations, image after image
        and within one as the file has them: image_inds (G,) and category_inds (G,) int64, bboxes
        (G, 4) float64 as x, y, w, h, areas (G,) float64 (w * h where the file has none), crowd
        (G,) bool, ignore (G,) bool. `unlisted` () is the number of annotations left out since the
        file does not list their image, `first_unlisted` () the image_id of the first one as text;
        `notes` (k,) are texts for the log, about what was read although it is unusual; `annotated`
        () bool: the file has annotations at all, which a list of images to be tested need not;
        `root` () is the name of the category above all others that was left out, '' if none was.

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
    annotated = content.get('annotations') is not None
    annotations = _entries(content, 'annotations', path) if annotated else []
    images, categories = (_entries(content, key, path) for key in ('images', 'categories'))
    image_ids = _unique_ids(images, 'images', path)
    categories, root = _without_root(categories, annotations)
    category_ids = _unique_ids(categories, 'categories', path)
    names = [_text(entry, 'name', 'categories', path) for entry in categories]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise DataError(
            f'{path}: categories have the name {sorted(twice)[0]!r} more than once, and classes '
            'are identified by their names'
        )
    image_of = _References(image_ids, 'image_id', 'images')
    category_of = _References(category_ids, 'category_id', 'categories')
    places = [image_of.find(entry.get('image_id')) for entry in annotations]
    listed = [e for e, place in zip(annotations, places, strict=True) if place is not None]
    unlisted = [e for e, place in zip(annotations, places, strict=True) if place is None]
    _unique_ids(listed, 'annotations', path)
    bboxes = _bboxes(listed, path)
    of_objects = dict(
        image_inds=np.array([place for place in places if place is not None], np.int64),
        category_inds=np.array([_category(entry, category_of, path) for entry in listed], np.int64),
        bboxes=bboxes,
        areas=_areas(listed, bboxes, path),
        crowd=_flags(listed, 'iscrowd', path),
        ignore=_flags(listed, 'ignore', path),
    )
    # sorted now, since the entries are read fastest in the order in which they lie in memory
    order = np.argsort(of_objects['image_inds'], kind='stable')
    return dict(
        image_ids=_json_texts(image_ids),
        file_names=np.array([_file_name(entry, path) for entry in images], str),
        sizes=np.array(
            [(_side(entry.get('width')), _side(entry.get('height'))) for entry in images], np.int32
        ).reshape(-1, 2),
        category_ids=_json_texts(category_ids),
        category_names=np.array(names, str),
        unlisted=np.array(len(unlisted)),
        first_unlisted=np.array(repr(unlisted[0].get('image_id'))[:50] if unlisted else ''),
        notes=np.array([*image_of.notes(), *category_of.notes()], str),
        annotated=np.array(annotated),
        root=np.array(root),
        **{name: array[order] for name, array in of_objects.items()},
    )


def _without_outline(entry: dict[str, Any]) -> dict[str, Any]:
    """Drops a polygon as soon as it is read: polygons are three quarters of COCO's file."""
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


def _without_root(categories: list[dict], annotations: list[dict]) -> tuple[list[dict], str]:
    """Returns the categories without the one that Roboflow puts above them all, and its name.

    It has the id 0, the supercategory 'none' and no object, and is the only one without a
    supercategory; its name may be that of a class.
    """
    tops = [entry for entry in categories if entry.get('supercategory') in (None, '', 'none')]
    root = tops[0] if len(tops) == 1 and len(categories) > 1 else {}
    is_root = root.get('supercategory') == 'none' and number_of(root.get('id')) == 0
    if not is_root or any(number_of(entry.get('category_id')) == 0 for entry in annotations):
        return categories, ''
    return [entry for entry in categories if entry is not root], str(root.get('name'))


def _unique_ids(entries: list[dict], what: str, path: str) -> dict[Any, int]:
    """Returns the index of each entry by its id."""
    inds: dict[Any, int] = {}
    for i, entry in enumerate(entries):
        key = entry.get('id')
        if not _is_id(key):
            raise DataError(f'{path}: {what}[{i}]: a number or text is expected as id: {key!r}')
        if inds.setdefault(key, i) != i:
            raise DataError(f'{path}: {what}[{inds[key]}] and {what}[{i}] share the id {key!r}')
    return inds


def _is_id(key: Any) -> bool:
    """An id is a whole number, also as 1.0, or a text; a list or True is no id."""
    kind = type(key)
    return kind is int or kind is str or (kind is float and key.is_integer())


class _References:
    """Finds entries by an id that other entries give, also where only its type is another.

    Some tools write "1" or "0001" for an id that is 1 elsewhere in the file. Where two ids would
    then be the same, only the exact one is found.
    """

    def __init__(self, inds: dict[Any, int], key: str, what: str) -> None:
        self.inds = inds
        self.key, self.what = key, what
        self.alike: dict[int, Any] = {}
        for given in inds:
            number = _whole_number(given)
            if number is not None:
                self.alike[number] = None if number in self.alike else given
        self.count = 0
        self.first: tuple[Any, Any] | None = None

    def find(self, key: Any) -> int | None:
        """Returns the index of the entry; None where there is none of this id."""
        if not _is_id(key):
            return None
        place = self.inds.get(key)
        if place is not None:
            return place
        same = self.alike.get(_whole_number(key))
        if same is None:
            return None
        self.count += 1
        self.first = self.first or (key, same)
        return self.inds[same]

    def notes(self) -> list[str]:
        """Returns what the log says about ids that were matched in spite of their type."""
        if self.first is None:
            return []
        found, same = self.first
        return [
            f'{self.count} annotations whose {self.key} has another type than the id in '
            f'{self.what}, such as {found!r} for {same!r}: matched'
        ]


def _whole_number(key: Any) -> int | None:
    number = number_of(key)
    if number is None or not number.is_integer() or abs(number) >= 2**53:
        return None
    return int(number)


def _text(entry: dict, key: str, what: str, path: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(f'{path}: {what} with id {entry.get("id")!r}: no {key}, found {value!r}')
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f'{path}: {what}: {key} {value!r} is no text in Unicode') from None
    return value


def _file_name(entry: dict, path: str) -> str:
    """Returns the path of an image, with slashes also where Windows wrote it."""
    return _text(entry, 'file_name', 'images', path).replace('\\', '/')


def _side(value: Any) -> int:
    side = number_of(value)
    return int(side) if side is not None and 0 < side < HUGE else 0


def _category(entry: dict, category_of: _References, path: str) -> int:
    key = entry.get('category_id')
    place = category_of.find(key)
    if place is None:
        raise DataError(
            f'{path}: annotation {entry["id"]!r} has the category_id {key!r}, which categories do '
            f'not list; they have {", ".join(map(repr, list(category_of.inds)[:20]))}'
        )
    return place


def _flags(entries: list[dict], key: str, path: str) -> np.ndarray:
    """Returns (G,) bool of a key that is 0 or 1, as a rule."""
    found = [truth_value(entry.get(key)) for entry in entries]
    if None in found:
        entry = entries[found.index(None)]
        raise DataError(
            f'{path}: annotation {entry["id"]!r}: {key} is 0 or 1, found {entry[key]!r:.100}'
        )
    return np.array(found, bool)


def _bboxes(entries: list[dict], path: str) -> np.ndarray:
    bboxes = [entry.get('bbox') for entry in entries]
    try:
        # texts of numbers become numbers here
        array = np.array(bboxes, np.float64).reshape(-1, 4)
        if len(array) == len(entries) and (np.abs(array) < HUGE).all():
            return array
    except (TypeError, ValueError, OverflowError):
        pass
    for entry, bbox in zip(entries, bboxes, strict=True):
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_coordinate, bbox)):
            raise DataError(
                f'{path}: annotation {entry["id"]!r}: bbox is four numbers x, y, w, h; found '
                f'{bbox!r:.100}'
            )
    return np.array([[number_of(value) for value in bbox] for bbox in bboxes], np.float64)


def _areas(entries: list[dict], bboxes: np.ndarray, path: str) -> np.ndarray:
    areas = bboxes[:, 2] * bboxes[:, 3]
    for i, entry in enumerate(entries):
        if entry.get('area') is not None:
            area = number_of(entry['area'])
            if area is None or abs(area) >= HUGE**2:
                raise DataError(
                    f'{path}: annotation {entry["id"]!r}: area is a number, found '
                    f'{entry["area"]!r:.100}'
                )
            areas[i] = area
    return areas


def _is_coordinate(value: Any) -> bool:
    number = number_of(value)
    return number is not None and abs(number) < HUGE


def _json_texts(values: Iterable) -> np.ndarray:
    return np.array([json.dumps(value) for value in values], str)
