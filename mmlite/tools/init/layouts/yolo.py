"""Text files of YOLO: by a data.yaml or obj.data, or by where images and labels lie."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmlite.datasets.yolo_labels import LabelFiles, find_label_files, load_label_files, parse_row
from mmlite.datasets.yolo_lists import (
    DESCRIPTIONS,
    NAME_FILES,
    Description,
    entry_bases,
    find_entry,
    read_description,
    read_lines,
)
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.init.layouts.layout import (
    WHOLE,
    Layout,
    by_folder,
    images_of,
    largest_of_parts,
    relative,
)

_SNIFFED = 5  # label files that are opened to see whether they are label files


def find(source: Source) -> Layout | None:
    """Finds the label files of the images, and what describes them."""
    images = [str(path) for path in images_of(source)]
    files = find_label_files(images, str(source.path)) if images else None
    labels = '' if files and _holds_labels(files) else _label_folder(source)
    if labels:
        files = find_label_files(
            images, os.path.commonpath([Path(i).parent for i in images]), labels
        )
    if files is None or not _holds_labels(files):
        return None
    labelled = [Path(i) for i, no in zip(images, files.missing.tolist(), strict=True) if not no]
    described = _described(source) if not labels else None
    if described:
        file, parts = described
        return Layout('yolo', f'YOLO labels, as {file} says', parts, len(labelled))
    folders = {folder: len(paths) for folder, paths in by_folder(labelled).items()}
    chosen, notes = largest_of_parts(folders, source, 'another folder with labels')
    if WHOLE in chosen:
        chosen, notes = {WHOLE: Path(os.path.commonpath(folders))}, []
    named = _names(source, files, [*folders])
    if not named:
        notes.append(
            'no file says what the class numbers mean (data.yaml with names, or classes.txt): the '
            'config names them class_0, class_1, ...; write the right names there'
        )
    own = {} if named else dict(metainfo=dict(classes=_placeholders(files)))
    parts = {part: _arguments(source, path, labels, own) for part, path in chosen.items()}
    where = ', '.join(relative(folder, source) for folder in chosen.values())
    return Layout('yolo', f'YOLO labels of the images in {where}', parts, len(labelled), notes)


def _holds_labels(files: LabelFiles) -> bool:
    present = [f for f, no in zip(files.files, files.missing.tolist(), strict=True) if not no]
    return any(map(_is_label_file, present[:_SNIFFED]))


def _is_label_file(file: str) -> bool:
    try:
        rows = [row for row in read_lines(Path(file)) if row.strip()]
        return bool(rows) and bool(parse_row(rows[0], file))
    except DataError:
        return False


def _label_folder(source: Source) -> str:
    """Returns the folder of label files that lie where YOLO does not look; '' without one."""
    stems = {path.stem for path in images_of(source)}
    found = {
        folder: sum(path.stem in stems for path in files)
        for folder, files in by_folder(source.ending_in('.txt')).items()
        if any(_is_label_file(str(path)) for path in files[:_SNIFFED])
    }
    best = max(found, key=lambda folder: found[folder], default=None)
    return str(best) if best and found[best] else ''


def _described(source: Source) -> tuple[str, dict[str, dict[str, Any]]] | None:
    """Returns the parts of the first data.yaml or obj.data whose training images are there."""
    for path in source.ending_in(*DESCRIPTIONS):
        try:
            description = read_description(path)
        except DataError:
            continue
        places = _places(source, description)
        if 'train' not in places or not (description.names or _named_beside(path)):
            continue
        if places.get('val') == places['train']:
            del places['val']
        if places.get('test') in (places['train'], places.get('val')):
            places.pop('test', None)
        file = relative(path, source)
        parts = {
            part: dict(type='YoloDataset', ann_file=file, split=part)
            for part in ('train', 'val', 'test')
            if part in places
        }
        return file, parts if len(parts) > 1 else {WHOLE: parts['train']}
    return None


def _named_beside(path: Path) -> bool:
    return any((path.parent / name).is_file() for name in NAME_FILES if name != path.name)


def _places(source: Source, description: Description) -> dict[str, list[Path]]:
    """Returns the folders and lists of the splits of which all are there."""
    bases = entry_bases(description, str(source.path))
    found = {
        split: [find_entry(entry, bases, description.file.parent) for entry in entries]
        for split, entries in description.splits.items()
    }
    return {split: places for split, places in found.items() if places and all(places)}


def _names(source: Source, files: LabelFiles, folders: list[Path]) -> list[Path]:
    """Returns the files of class names that YoloDataset will look at."""
    near = [source.path, *folders[:1], Path(files.files[0]).parent]
    return [f for folder in near for f in (folder / name for name in NAME_FILES) if f.is_file()]


def _placeholders(files: LabelFiles) -> tuple[str, ...]:
    found = load_label_files(files, f'init\0{files.files[0]}')
    return tuple(f'class_{i}' for i in range(int(found['classes'].max(initial=0)) + 1))


def _arguments(source: Source, folder: Path, labels: str, own: dict[str, Any]) -> dict[str, Any]:
    prefix = dict(img=relative(folder, source))
    if labels:
        prefix['labels'] = relative(Path(labels), source)
    return dict(type='YoloDataset', data_prefix=prefix, **own)
