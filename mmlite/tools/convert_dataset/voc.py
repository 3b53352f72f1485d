"""VOC's XML files, read by `VOCDataset`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ElementTree

from mmlite.datasets import VOCDataset
from mmlite.datasets.annotation_files import Listed, voc_content
from mmlite.datasets.voc_xml import load_xml
from mmlite.errors import DataError
from mmlite.support.files import make_folder, whole_file, write_text
from mmlite.tools.convert_dataset.content import starts_like
from mmlite.tools.convert_dataset.own_datasets import ALL, dataset_records
from mmlite.tools.convert_dataset.source import ATTRIBUTES, Records, Source

LOOKS_FOR = 'a folder with XML files whose root is <annotation>'
IMAGES = 'JPEGImages'
FLAT = True  # Annotations has no folders
KEEPS = dict(difficult='difficult=1', crowd='difficult=1, the mark that VOC has')
WHOLE_PIXELS = CLIPS = True
_READ = ('name', 'bndbox', 'difficult')
_PLAIN = dict(pose=('', 'Unspecified'), truncated=('', '0'), occluded=('', '0'))


def finds(source: Source) -> bool:
    return any(is_voc(path) for path in source.ending_in('.xml')[:20])


def is_voc(path: Path) -> bool:
    """Whether a file starts like one of VOC."""
    start = starts_like(path)
    return '<annotation>' in start or '<annotation ' in start


def records(source: Source) -> Records:
    """Reads the XML files of one folder, by the rule that they follow as far as they tell.

    Where ImageSets/Main has one list, its images, else those that have a file.
    """
    folder = _folder(source)
    part = folder.parent if folder.name == 'Annotations' else folder
    where = dict(
        data_root=str(part.resolve()),
        ann_subdir=folder.name if part != folder else '.',
        img_subdir=_image_folder(source, part),
        ann_file=_list_of(part),
    )
    dataset = VOCDataset(**where, **ALL, coordinates=source.coordinates or 'devkit')
    meant = dataset.judged.coordinates
    if source.coordinates is None and meant not in ('', dataset.coordinates):
        dataset = VOCDataset(**where, **ALL, coordinates=meant)
    bad = ''.join(dataset.bad_items.values())
    listed = {Path(dataset.filename(i)).stem for i in range(len(dataset))}
    for path in sorted(folder.glob('*.xml')):
        if not is_voc(path) or path.name in bad:
            continue
        _count_lost(source, path)
        unlisted = bool(where['ann_file']) and path.stem not in listed
        source.lose(f'XML files that {where["ann_file"]} does not list', unlisted)
    return dataset_records(source, dataset, 'difficult')


def _folder(source: Source) -> Path:
    if source.path.is_file():
        raise DataError(f'{source.path}: one XML file: give the folder of all of them')
    folders = sorted({path.parent for path in source.ending_in('.xml') if is_voc(path)})
    if len(folders) != 1:
        found = ', '.join(map(str, folders[:4])) or 'none'
        raise DataError(
            f'{source.path}: one folder of XML files is expected, found {found}: give one of them'
        )
    return folders[0]


def _image_folder(source: Source, part: Path) -> str:
    if source.images:
        return os.path.relpath(source.images.resolve(), part.resolve())
    near = [name for name in (IMAGES, 'images') if (part / name).is_dir()]
    return near[0] if near else '.'


def _list_of(part: Path) -> str:
    """Returns the only list in ImageSets/Main; '' where there is none, or several."""
    lists = list((part / 'ImageSets' / 'Main').glob('*.txt'))
    return str(lists[0].resolve()) if len(lists) == 1 else ''


def _count_lost(source: Source, path: Path) -> None:
    for found in load_xml(path).iter('object'):
        for child in found:
            text = (child.text or '').strip()
            if child.tag not in _READ and text not in _PLAIN.get(child.tag, ()):
                source.lose(ATTRIBUTES)


def write(
    images: Sequence[Listed], classes: Sequence[str], out: Path, coordinates: str
) -> dict[str, Any]:
    """Writes Annotations and a list of all images; returns the data set that reads them."""
    folder = make_folder(out / 'Annotations')
    for image in images:
        with whole_file(folder / f'{Path(image.name).stem}.xml') as file:
            ElementTree(voc_content(image, coordinates)).write(file, encoding='utf-8')
    lists = make_folder(out / 'ImageSets' / 'Main')
    names = ''.join(f'{Path(image.name).stem}\n' for image in images)
    write_text(lists / 'all.txt', names)
    return dict(
        type='VOCDataset',
        data_root=os.fspath(out),
        ann_file='ImageSets/Main/all.txt',
        metainfo=dict(classes=tuple(classes)),
        coordinates=coordinates,
    )
