"""Hugging Face `datasets`: parquet or arrow files with a column of images and one of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmlite.datasets.annotation_files import Box
from mmlite.datasets.values import truth_value
from mmlite.errors import DataError
from mmlite.support.extras import needed
from mmlite.tools.convert_dataset.content import Corners, from_xywh, get, name_of, numbers
from mmlite.tools.convert_dataset.source import ATTRIBUTES, Picture, Records, Source

LOOKS_FOR = "*.parquet or *.arrow with the columns 'image' and 'objects'"
_BOXES = ('bbox', 'bboxes', 'boxes')
_CLASSES = ('category', 'categories', 'category_id', 'label', 'labels', 'class', 'name')
_KNOWN = ('id', 'area', 'iscrowd', 'is_crowd', 'bbox_id')
_MAGIC = {
    b'\x89PNG': '.png',
    b'\xff\xd8\xff': '.jpg',
    b'GIF8': '.gif',
    b'BM': '.bmp',
    b'RIFF': '.webp',
}


def finds(source: Source) -> bool:
    return bool(source.ending_in('.parquet', '.arrow'))


def records(source: Source) -> Records:
    """Reads one split. Boxes are x, y, w, h in pixels, as is the custom of these data sets, unless
    only x1, y1, x2, y2 lies in all images.

    Objects are read in both forms: a list of objects (`List`), an object of lists (`Sequence`).

    Raises:
        ConfigError: pyarrow is not there.
        DataError: no such columns, or a row of them cannot be used.
    """
    tables = _tables(_files_of_one_split(source))
    schema = tables[0][1].schema
    features = _features(schema)
    image, objects = _columns(schema, str(tables[0][0]))
    names = _class_names(features.get(objects))
    rows = [
        (f'{path}: row {i}', row)
        for path, table in tables
        for i, row in enumerate(table.select([objects]).to_pylist())
    ]
    corners_of = _corner_form(source, tables, objects, rows)
    pictures = zip(rows, _images(tables, image), strict=True)
    entries = ((i, at, row[objects], data) for i, ((at, row), data) in enumerate(pictures))
    return Records(
        source.each(lambda entry: _picture(source, names, corners_of, *entry), entries), names
    )


def _files_of_one_split(source: Source) -> list[Path]:
    files = source.ending_in('.parquet', '.arrow')
    files = [path for path in files if not path.name.startswith('cache-')]
    splits = {(path.parent, path.name.split('-')[0]) for path in files}
    if len({(folder, name) for folder, name in splits}) > 1:
        found = ', '.join(sorted(str(folder / name) for folder, name in splits))
        raise DataError(f'{source.path}: several splits: give the files of one of them: {found}')
    if not files:
        raise DataError(f'{source.path}: no *.parquet or *.arrow in it')
    return files


def _tables(files: list[Path]) -> list[tuple[Path, Any]]:
    pyarrow = needed('pyarrow', 'convert_dataset --from hugging_face', "'mmlite[formats]'")
    parquet = needed('pyarrow.parquet', 'convert_dataset --from hugging_face', "'mmlite[formats]'")
    tables = []
    for path in files:
        try:
            if path.suffix == '.parquet':
                tables.append((path, parquet.ParquetFile(path).read()))
            else:
                tables.append((path, _read_arrow(pyarrow, path)))
        except (OSError, ValueError, pyarrow.ArrowException) as error:
            raise DataError(f'{path}: cannot be read by pyarrow: {error}') from None
    return tables


def _read_arrow(pyarrow: Any, path: Path) -> Any:
    with path.open('rb') as file:
        is_file = file.read(6) == b'ARROW1'
    reader = pyarrow.ipc.open_file if is_file else pyarrow.ipc.open_stream
    with pyarrow.OSFile(str(path)) as file, reader(file) as opened:
        return opened.read_all()


def _features(schema: Any) -> dict:
    """Returns the features that `datasets` notes in the file; {} where another program wrote it."""
    try:
        info = json.loads((schema.metadata or {})[b'huggingface'])['info']['features']
    except (KeyError, ValueError, TypeError):
        return {}
    return info if isinstance(info, dict) else {}


def _columns(schema: Any, path: str) -> tuple[str, str]:
    """Returns the names of the columns of images and of objects."""
    objects = [name for name in ('objects', 'annotations', 'faces') if name in schema.names]
    images = [name for name in ('image', 'img', 'image_path', 'file_name') if name in schema.names]
    if not objects or not images:
        raise DataError(f'{path}: {LOOKS_FOR} are expected, found {", ".join(schema.names)}')
    return images[0], objects[0]


def _class_names(feature: Any) -> list[str]:
    """Returns the names of a ClassLabel inside the column of objects; [] where there is none."""
    if isinstance(feature, dict) and feature.get('_type') == 'ClassLabel':
        names = feature.get('names')
        return [str(name) for name in names] if isinstance(names, list) else []
    inner = feature.values() if isinstance(feature, dict) else feature
    for value in inner if isinstance(feature, (dict, list)) else ():
        if names := _class_names(value):
            return names
    return []


def _objects(column: Any, at: str) -> list[dict]:
    """Returns the objects of an image, from either form."""
    if column is None:
        return []
    if isinstance(column, list):
        return column
    lists = {key: value for key, value in get(dict(c=column), 'c', dict, at).items() if value}
    lengths = {len(value) if isinstance(value, list) else -1 for value in lists.values()}
    if len(lengths) > 1 or -1 in lengths:
        raise DataError(f'{at}: lists of one length are expected in {", ".join(lists)}')
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _images(tables: list[tuple[Path, Any]], column: str) -> Iterator[Any]:
    for _, table in tables:
        for batch in table.select([column]).to_batches(max_chunksize=16):
            yield from batch.column(0).to_pylist()


def _corner_form(source: Source, tables: list, objects: str, rows: list) -> Any:
    """Returns what makes corners of four numbers, judged by the sizes that the table has."""
    sizes = [
        pair
        for _, table in tables
        if {'width', 'height'} <= set(table.schema.names)
        for pair in zip(
            table.column('width').to_pylist(), table.column('height').to_pylist(), strict=True
        )
    ]
    xywh = xyxy = True
    for (at, row), size in zip(rows, sizes, strict=False):
        for entry in _objects(row[objects], at):
            box = _four(entry, at)
            if None in size:
                continue
            w, h = size
            xywh &= box[0] + box[2] <= w + 1 and box[1] + box[3] <= h + 1
            xyxy &= box[0] <= box[2] <= w + 1 and box[1] <= box[3] <= h + 1
    if xyxy and not xywh:
        source.notes.append('boxes are read as x1, y1, x2, y2: as x, y, w, h they leave the images')
        return lambda box: tuple(box)
    source.notes.append('boxes are read as x, y, w, h in pixels')
    return lambda box: from_xywh(*box)


def _four(entry: Any, at: str) -> list[float]:
    if not isinstance(entry, dict):
        raise DataError(f'{at}: an object with bbox and category is expected, found {entry!r:.80}')
    return numbers(next((entry[key] for key in _BOXES if key in entry), None), 4, f'{at}: bbox')


def _picture(
    source: Source, names: list[str], corners_of: Any, i: int, at: str, column: Any, image: Any
) -> Picture:
    boxes = []
    for entry in _objects(column, at):
        corners: Corners = corners_of(_four(entry, at))
        key = next((key for key in _CLASSES if key in entry), None)
        label = entry.get(key)
        if names and isinstance(label, int) and not 0 <= label < len(names):
            raise DataError(f'{at}: class {label}, but there are {len(names)} names')
        name = names[label] if names and isinstance(label, int) else name_of(label, at)
        crowd = truth_value(entry.get('iscrowd', entry.get('is_crowd'))) is True
        boxes.append(Box(name, corners, crowd=crowd))
        source.lose(ATTRIBUTES, len(set(entry) - {*_BOXES, *_KNOWN, key}))
    if isinstance(image, str):
        return Picture(image, boxes)
    data, name = get(dict(image=image), 'image', dict, at).get('bytes'), image.get('path')
    if data is None and not name:
        raise DataError(f'{at}: neither the bytes nor the path of an image')
    ending = next((e for magic, e in _MAGIC.items() if (data or b'').startswith(magic)), '.jpg')
    return Picture(name or f'{i:06d}{ending}', boxes, data=data)
