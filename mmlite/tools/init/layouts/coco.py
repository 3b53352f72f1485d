"""JSON files of COCO: one, or one for each part of the data, by any usual names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlite.errors import DataError
from mmlite.tools.convert_dataset.coco import is_coco
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.init.layouts.layout import (
    Layout,
    by_folder,
    images_of,
    largest_of_parts,
    part_of,
    relative,
)

_MANY = 50  # JSON files in one folder: annotations of single pictures, by another tool
_ASKED = 10  # images that are looked for


def find(source: Source) -> Layout | None:
    """Finds the annotation files with objects, and the folders of their images."""
    counts, notes = {}, []
    for path in _candidates(source):
        try:
            content = source.json(path)
        except DataError as error:
            notes.append(str(error))
            continue
        if is_coco(content) and content['annotations'] and content['images']:
            counts[path] = len(content['annotations'])
    if not counts:
        return None
    chosen, unused = largest_of_parts(counts, source, 'another COCO file')
    parts = {part: _arguments(source, path) for part, path in chosen.items()}
    where = ', '.join(relative(path, source) for path in chosen.values())
    annotated = sum(counts[path] for path in chosen.values())
    return Layout('coco', f'COCO annotations in {where}', parts, annotated, notes + unused)


def _candidates(source: Source) -> list[Path]:
    """The JSON files; of COCO's own folder only those with objects, `instances_...`."""
    found = []
    for files in by_folder(source.ending_in('.json')).values():
        instances = [path for path in files if path.name.startswith('instances')]
        found += instances or (files if len(files) < _MANY else files[:1])
    return found


def _arguments(source: Source, path: Path) -> dict[str, Any]:
    folder = relative(_image_folder(source, path), source)
    prefix = {} if folder == '.' else dict(data_prefix=dict(img=folder))
    return dict(type='CocoDataset', ann_file=relative(path, source), **prefix)


def _image_folder(source: Source, path: Path) -> Path:
    """Returns the folder that the file names of the annotations start from.

    Raises:
        DataError: none of the first images is in the folder.
    """
    entries = source.json(path)['images'][:_ASKED]
    names = [entry.get('file_name') for entry in entries if isinstance(entry, dict)]
    names = [name.replace('\\', '/') for name in names if isinstance(name, str) and name]
    folders = dict.fromkeys([path.parent, source.path, *by_folder(images_of(source))])
    above = {parent for folder in folders for parent in folder.parents}
    folders |= dict.fromkeys(sorted(p for p in above if p.is_relative_to(source.path)))

    part = part_of(path, source.path)

    def fit(folder: Path) -> tuple[int, bool]:
        # train/images and val/images may have files of the same names
        same_part = part_of(folder, source.path) == part
        return sum((folder / name).is_file() for name in names), same_part

    best = max(folders, key=fit)
    if not fit(best)[0]:
        shown = ', '.join(names[:3]) or 'none'
        raise DataError(f'{path}: none of its first images is in {source.path}: {shown}')
    return best
