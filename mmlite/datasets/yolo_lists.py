"""What says which images a YOLO data set has: data.yaml, Darknet's obj.data, lists, and names."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from mmlite.errors import DataError
from mmlite.support.files import read_text

SPLITS = ('train', 'val', 'test')
DESCRIPTIONS = ('.yaml', '.yml', '.data')  # endings of files that `read_description` reads
# where class names are looked for; the first that is there counts
NAME_FILES = (
    *('data.yaml', 'dataset.yaml', 'classes.txt', 'obj.names', '_darknet.labels'),
    'data/obj.names',
)
_ALSO = dict(valid='val', validation='val')  # other words for a split
_TRIED = 20  # lines of a list that are tried to find out what its paths start from


class Description(NamedTuple):
    """What a data.yaml or an obj.data says.

    Attributes:
        file: its path.
        root: `path` of a data.yaml; '' where there is none.
        splits: of each split the folders, lists and images that it names.
        names: of the classes, by number; None where there are none.
        keypoints: how many numbers of key points follow a box in the label files.
    """

    file: Path
    root: str
    splits: dict[str, list[str]]
    names: list[str] | None
    keypoints: int = 0


def read_lines(file: Path) -> list[str]:
    """Reads a text file line by line.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    return read_text(file).split('\n')


def read_description(file: Path) -> Description:
    """Reads a data.yaml of Ultralytics or Roboflow, or an obj.data of Darknet or CVAT.

    Nothing in it is run, and nothing is downloaded.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    content = _read_data(file) if file.suffix == '.data' else _read_yaml(file)
    splits = {}
    for key, value in content.items():
        split = _ALSO.get(key, key)
        if split in SPLITS and value:
            splits[split] = _entries(value, key, file)
    root = content.get('path') or ''
    if not isinstance(root, str):
        raise DataError(f"{file}: 'path' is a folder, found {_brief(root)}")
    if file.suffix == '.data':
        return Description(file, root, splits, _names_of_data(content, file))
    names = _names_of(content, file) if content.get('names') is not None else None
    return Description(file, root, splits, names, _keypoints(content, file))


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text('utf-8-sig')) or {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())  # several lines
        raise DataError(f'{file}: cannot be read as YAML: {reason}') from None
    if not isinstance(content, dict):
        raise DataError(f'{file}: cannot be read as YAML: keys and values are expected')
    return content


def _read_data(file: Path) -> dict[str, str]:
    pairs = [line.partition('=') for line in read_lines(file) if '=' in line]
    return {key.strip(): value.strip() for key, _, value in pairs}


def _entries(value: Any, key: str, file: Path) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) and entry for entry in entries):
        raise DataError(
            f"{file}: '{key}' is a folder, a list of images, or several; found {_brief(value)}"
        )
    return entries


def _keypoints(content: dict[str, Any], file: Path) -> int:
    shape = content.get('kpt_shape')
    if shape is None:
        return 0
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(n) is int for n in shape):
        raise DataError(f"{file}: 'kpt_shape' is two whole numbers, found {_brief(shape)}")
    return max(shape[0] * shape[1], 0)


def _names_of_data(content: dict[str, str], file: Path) -> list[str] | None:
    if not content.get('names'):
        return None
    found = find_entry(content['names'], [file.parent], file.parent)
    if found is None:
        raise DataError(f"{file}: there is no '{content['names']}', which 'names' gives")
    names, count = read_names(found), content.get('classes')
    if count and count != str(len(names)):
        raise DataError(f"{file}: 'classes' is {count}, and {found} has {len(names)} names")
    return names


def read_names(file: Path) -> list[str]:
    """Reads class names by number: `names` of a data.yaml, or the lines of any other file.

    Raises:
        DataError: it cannot be read, or has no such names.
    """
    if file.suffix in ('.yaml', '.yml'):
        return _names_of(_read_yaml(file), file)
    return _distinct([line.strip() for line in read_lines(file) if line.strip()], file)


def _names_of(content: dict[str, Any], file: Path) -> list[str]:
    """Returns `names`: a list, or a mapping from 0, 1, ... to names."""
    names, count = content.get('names'), content.get('nc')
    if isinstance(names, dict):
        by_number = {str(key): name for key, name in names.items()}
        inside = set(by_number) == {str(i) for i in range(len(names))}
        names = [by_number[str(i)] for i in range(len(names))] if inside else names
    if isinstance(names, dict) and names:
        raise DataError(
            f"{file}: 'names' has the {len(names)} keys {', '.join(map(str, list(names)[:8]))}; "
            f'0 to {len(names) - 1} are expected, the numbers in the label files'
        )
    if not isinstance(names, list) or not names or any(isinstance(n, (list, dict)) for n in names):
        raise DataError(
            f"{file}: 'names' is a list of class names, or a mapping from 0, 1, ... to them; "
            f'found {_brief(names)}'
        )
    if count is not None and str(count) != str(len(names)):
        raise DataError(f"{file}: 'nc' is {count!r}, and 'names' has {len(names)} names")
    return _distinct([str(name) for name in names], file)


def _brief(value: Any) -> str:
    """Returns a value as text; YAML can make one of a few lines grow without end."""
    if isinstance(value, (list, dict)):
        return f'a {type(value).__name__} of {len(value)}'
    return f'{value!r:.100}'


def _distinct(names: list[str], file: Path) -> list[str]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or not names:
        found = f'{twice[0]!r} more than once' if twice else 'none'
        raise DataError(f'{file}: distinct class names are expected, found {found}')
    return names


def entry_bases(description: Description, data_root: str) -> list[Path]:
    """Returns the folders that paths in a description may start from, the likeliest first.

    `path` is looked for from the file's own folder on, from `data_root` and from the current
    folder (Ultralytics asks only there, and in a folder of its settings).
    """
    folders = [description.file.parent, Path(data_root)]
    if not description.root:
        return folders
    root = _slashes(description.root)
    return [*(folder / root for folder in (*folders, Path.cwd())), *folders]


def find_entry(entry: str, bases: Sequence[Path], folder: Path) -> Path | None:
    """Returns the file or folder that a description names; None if there is none.

    As Ultralytics 8.4.190 (`check_det_dataset`) has it, `../x` that is not there is `x`: Roboflow
    writes `../train/images` into a data.yaml beside `train`. A path of another machine is found by
    its end below `folder`: a folder by its last two names or more, a file by one too.
    """
    entry = _slashes(entry)
    for base in bases:
        for path in (base / entry, base / entry.removeprefix('../')):
            if path.exists():
                return Path(os.path.normpath(path))
    parts = [part for part in entry.split('/') if part not in ('', '.', '..')]
    ends = [folder.joinpath(*parts[i:]) for i in range(len(parts))]
    # a folder by its last name only, such as `images`, could be that of any split
    return next((p for p in ends if p.is_file() or (p.is_dir() and p.parent != folder)), None)


def resolve_list(lines: Sequence[str], list_folder: str, bases: Sequence[str]) -> list[str]:
    """Returns the absolute paths of the images in a list.

    A line that starts with `./` starts from the folder of the list (as of Ultralytics), any other
    from one of `bases`. Where none of the first lines is there, leading folders are left out, the
    same number for all: CVAT writes `data/obj_train_data/a.jpg` for `obj_train_data/a.jpg`, and
    Darknet the path of another machine. Where that finds nothing either, from the first base.
    """
    lines = [_slashes(line.strip()) for line in lines if line.strip()]
    for depth in range(max((line.count('/') + 1 for line in lines[:_TRIED]), default=0)):
        for base in (*bases, list_folder):
            tried = [_listed(line, base, list_folder, depth) for line in lines[:_TRIED]]
            if any(path and os.path.isfile(path) for path in tried):
                paths = [_listed(line, base, list_folder, depth) for line in lines]
                return [
                    path or _listed(line, base, list_folder)
                    for path, line in zip(paths, lines, strict=True)
                ]
    return [_listed(line, bases[0], list_folder) for line in lines]


def _listed(line: str, base: str, list_folder: str, depth: int = 0) -> str:
    """Returns the path of a line without its first `depth` folders; '' where that is not right."""
    parts = line.split('/')
    if depth and (depth >= len(parts) or '..' in parts):
        return ''
    if line.startswith('./'):
        base = list_folder if os.path.isfile(os.path.join(list_folder, line)) else base
    return os.path.normpath(
        os.path.join(base, '/'.join(parts[depth:]).lstrip('/') if depth else line)
    )


def _slashes(path: str) -> str:
    return path.replace('\\', '/')
