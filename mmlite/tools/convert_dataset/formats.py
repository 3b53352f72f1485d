"""Which format a data set has: found from its files, or said by name."""

from __future__ import annotations

import importlib
from types import ModuleType

from mmlite.errors import ConfigError, DataError, did_you_mean
from mmlite.tools.convert_dataset.source import Source

# each a module beside this one, with LOOKS_FOR, finds(source) and records(source)
READERS = (
    *('coco', 'voc', 'yolo', 'csv', 'cvat', 'labelme', 'via', 'label_studio', 'vott'),
    *('openimages', 'kitti', 'wider_face', 'visdrone', 'dota', 'hugging_face'),
)
WRITERS = ('coco', 'voc', 'yolo')  # those of them with write(images, classes, out, coordinates)
_MODULES = dict(csv='csv_table')  # the standard library has a csv


def module_of(name: str) -> ModuleType:
    """Returns the module of a format."""
    return importlib.import_module(f'mmlite.tools.convert_dataset.{_MODULES.get(name, name)}')


def find_format(source: Source, name: str | None) -> tuple[str, ModuleType]:
    """Returns the name and the module of the format of a data set.

    Args:
        name: which it is; None to look at the files.

    Raises:
        ConfigError: there is no format of this name.
        DataError: the source is not there, no format fits, or several do.
    """
    if not source.path.exists():
        raise DataError(f'{source.path}: no such file or folder')
    if name is not None:
        if name not in READERS:
            known = ', '.join(READERS)
            raise ConfigError(
                f'--from {name}: no such format.{did_you_mean(name, READERS)} Known: {known}'
            )
        return name, module_of(name)
    first_error = ''
    found = []
    for candidate in READERS:
        try:
            if module_of(candidate).finds(source):
                found.append(candidate)
        except DataError as error:  # a file of its kind that cannot be read
            first_error = first_error or str(error)
    if len(found) == 1:
        return found[0], module_of(found[0])
    if found:
        raise DataError(
            f'{source.path}: files of several formats: {", ".join(found)}. Say which by --from '
            f'NAME, or give the file itself. Found by:{_looked_for(found)}'
        )
    if first_error and source.path.is_file():
        raise DataError(first_error)
    more = f' A file that cannot be read is among them: {first_error}.' if first_error else ''
    raise DataError(
        f'{source.path}: no known format in its {len(source.files)} files.{more} Looked for:'
        f'{_looked_for(READERS)}'
    )


def _looked_for(names: tuple[str, ...] | list[str]) -> str:
    return ''.join(f'\n  {name}: {module_of(name).LOOKS_FOR}' for name in names)
