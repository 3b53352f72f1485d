"""Which layout a folder has, or what to say where it has none that can be trained on."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from mmlite.errors import ConfigError, DataError
from mmlite.support.files import near_files
from mmlite.support.words import counted, first_of
from mmlite.tools.convert_dataset.formats import READERS, module_of
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.init.layouts import coco, csv_table, voc, yolo
from mmlite.tools.init.layouts.layout import Layout, by_folder, images_of, part_of
from mmlite.tools.init.unread import unread_files

LAYOUTS: dict[str, ModuleType] = dict(voc=voc, coco=coco, yolo=yolo, csv=csv_table)
READ = 'VOC (XML), COCO (JSON), YOLO (text files) and CSV tables'
# names of folders that say nothing about a class
_PLAIN = ('images', 'image', 'imgs', 'img', 'jpegimages', 'photos', 'pictures', 'data')


def open_folder(folder: Path) -> Source:
    """Returns the files of a folder.

    Raises:
        DataError: it is not there, or no folder.
    """
    if folder.is_file():
        raise DataError(f'{folder} is a file: init takes the folder of the pictures')
    if not folder.is_dir():
        raise DataError(f'{folder}: there is no such folder.{near_files(folder)}')
    return Source(folder.resolve())


def recognise(source: Source, convert: str, only: str = '') -> Layout:
    """Returns the layout of a folder; of several the one with the most annotations.

    Args:
        convert: the command that starts convert_dataset, for messages.
        only: the layout that is meant, by --layout.

    Raises:
        DataError: it has none; the message says what it has, and what helps.
    """
    found, refused = [], []
    for name, module in LAYOUTS.items():
        if only in ('', name):
            try:
                layout = module.find(source)
            except DataError as error:
                refused.append(str(error))
                continue
            found += [layout] if layout else []
    if not found:
        if refused:
            raise DataError(refused[0])
        if only:
            raise ConfigError(f'--layout {only}: {source.path} has no {module_words(only)}')
        raise DataError(_why_none(source, convert))
    best = max(found, key=lambda layout: layout.annotated)
    others = [layout for layout in found if layout is not best]
    best.notes = [
        *(
            f'there are {other.where} too ({other.annotated}); those with more are taken. '
            f'--layout {other.name} takes these'
            for other in others
        ),
        *refused,
        *best.notes,
    ]
    return best


def module_words(name: str) -> str:
    """What files of a layout are, in words."""
    names = dict(voc='XML files of VOC', coco='JSON file of COCO', yolo='label files of YOLO')
    return names.get(name, 'table that CsvDataset reads')


def _why_none(source: Source, convert: str) -> str:
    other = _other_format(source)
    if other:
        return (
            f'{source.path}: annotations of {other}, which init does not read. This command makes '
            f'COCO of them, and then init reads NEW_FOLDER:\n  {convert} {source.path} NEW_FOLDER '
            '--to coco'
        )
    images = images_of(source)
    if not images:
        return (
            f'{source.path}: no picture among its {len(source.files)} files. init takes a folder '
            f'with pictures and their boxes: {READ}'
        )
    pictures = counted(len(images), 'picture')
    classes = _class_folders(source, images)
    if classes:
        shown = first_of([f'{name} {count}' for name, count in sorted(classes.items())])
        return (
            f'{source.path}: {pictures} in folders by class ({shown}) and no boxes. These are data '
            'for a classifier, which says what a picture shows, and not where; '
            'torchvision.datasets.ImageFolder reads them. mmlite trains detectors, which learn '
            f'from boxes around the objects. {_how_to_annotate()}'
        )
    unread = unread_files(source)
    if unread:
        return (
            f'{source.path}: {pictures}, and no annotations that init can read. {unread}. init '
            f'reads {READ}, and convert_dataset makes these of other formats'
        )
    return (
        f'{source.path}: {pictures} and no annotations. A detector learns from boxes around the '
        f'objects. {_how_to_annotate()}'
    )


def _how_to_annotate() -> str:
    return (
        'labelme, CVAT, Label Studio, LabelImg, makesense.ai or VIA draw them; init reads '
        f'{READ}, and convert_dataset makes these of other formats'
    )


def _other_format(source: Source) -> str:
    for name in READERS:
        if name in LAYOUTS:
            continue
        try:
            if module_of(name).finds(source):
                return name
        except DataError:
            continue
    return ''


def _class_folders(source: Source, images: list[Path]) -> dict[str, int]:
    """Returns the number of pictures by class where each is in a folder named by its class."""
    counts: dict[str, int] = {}
    for folder, files in by_folder(images).items():
        plain = folder.name.lower() in _PLAIN or part_of(folder.name, '.')
        if plain or folder == source.path:
            return {}
        counts[folder.name] = counts.get(folder.name, 0) + len(files)
    return counts if len(counts) > 1 else {}
