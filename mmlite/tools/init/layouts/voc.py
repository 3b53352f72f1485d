"""XML files of VOC: in a folder of their own or beside the images, with lists or without."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmlite.datasets.voc_layout import read_image_ids
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.convert_dataset.voc import is_voc
from mmlite.tools.init.layouts.layout import (
    WHOLE,
    Layout,
    by_folder,
    images_of,
    largest_of_parts,
    relative,
)

_SNIFFED = 3  # files of a folder that are opened to see what they are
_LISTS = dict(train='train', training='train', val='val', valid='val', validation='val')
_DEFAULT = dict(ann_subdir='Annotations', img_subdir='JPEGImages')


def find(source: Source) -> Layout | None:
    """Finds the folders of XML files, the images that belong to them, and lists."""
    folders = {
        folder: [path.stem for path in files]
        for folder, files in by_folder(source.ending_in('.xml')).items()
        if any(map(is_voc, files[:_SNIFFED]))
    }
    if not folders:
        return None
    images = {
        folder: {path.stem for path in files}
        for folder, files in by_folder(images_of(source)).items()
    }
    tree = _tree(folders, images)
    if tree:
        chosen, notes = {WHOLE: tree}, []
        folders = {tree: [stem for stems in folders.values() for stem in stems]}
        images = {tree: set(folders[tree])}
    else:
        sizes = {folder: len(stems) for folder, stems in folders.items()}
        chosen, notes = largest_of_parts(sizes, source, 'another folder of XML files')
    parts = {
        part: _arguments(source, folder, _image_folder(folder, folders[folder], images))
        for part, folder in chosen.items()
    }
    if WHOLE in parts:
        parts = _listed(source, chosen[WHOLE], folders[chosen[WHOLE]], parts[WHOLE])
    where = ', '.join(relative(folder, source) for folder in chosen.values())
    count = sum(len(folders[folder]) for folder in chosen.values())
    return Layout('voc', f'XML files of VOC in {where}', parts, count, notes)


def _tree(folders: dict[Path, list[str]], images: dict[Path, set[str]]) -> Path | None:
    """Returns the folder above several that hold XML files beside their images; else None."""
    if len(folders) < 2 or any('train' in folder.name.lower() for folder in folders):
        return None
    if not all(images.get(folder, set()) & set(stems) for folder, stems in folders.items()):
        return None
    above = Path(os.path.commonpath(folders))
    return above if above not in folders else None


def _image_folder(folder: Path, stems: list[str], images: dict[Path, set[str]]) -> Path:
    """Returns the folder with the most images of these names; the nearest of several."""
    if not images:
        raise DataError(f'{folder}: {len(stems)} XML files, and no picture beside or near them')

    def fit(place: Path) -> tuple[int, int, int]:
        near = len(os.path.commonpath([place, folder]))
        return len(images[place] & set(stems)), near, len(images[place])

    return max(sorted(images), key=fit)


def _arguments(source: Source, folder: Path, images: Path) -> dict[str, Any]:
    found = dict(ann_subdir=relative(folder, source), img_subdir=relative(images, source))
    # the data set's own defaults need no line in the config
    own = {key: value for key, value in found.items() if value != _DEFAULT[key]}
    return dict(type='VOCDataset', **own)


def _listed(
    source: Source, folder: Path, stems: list[str], arguments: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Returns the parts by the lists in ImageSets/Main, or beside the folder of XML files."""
    lists = _lists(folder, set(stems))
    named = {part: lists[name] for name, part in _LISTS.items() if name in lists}
    if 'train' not in named and 'trainval' in lists:
        named = {'train': lists['trainval']}
    if 'test' in lists and named:
        named['test'] = lists['test']
    if 'train' not in named:
        named = {WHOLE: next(iter(lists.values()))} if len(lists) == 1 else {}
    if not named:
        return {WHOLE: arguments}
    if set(named) == {'train'}:
        named = {WHOLE: named['train']}
    return {
        part: dict(arguments, ann_file=relative(named[part], source))
        for part in (WHOLE, 'train', 'val', 'test')
        if part in named
    }


def _lists(folder: Path, stems: set[str]) -> dict[str, Path]:
    """Returns the lists by the stems of their names, that name at least one XML file."""
    near = [folder.parent / 'ImageSets' / 'Main', folder.parent / 'ImageSets', folder.parent]
    for place in near:
        files = sorted(place.glob('*.txt')) if place.is_dir() else []
        # devkits have lists for each class too: `aeroplane_train.txt`
        plain = [file for file in files if '_' not in file.stem]
        found = {file.stem: file for file in plain if _names_some(file, stems)}
        if found:
            return found
    return {}


def _names_some(file: Path, stems: set[str]) -> bool:
    try:
        return bool(stems & {name.rsplit('/', 1)[-1] for name in read_image_ids(str(file))})
    except OSError:
        return False
