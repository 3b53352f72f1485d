"""Where the files of a data set name an image: what to change so that it is left out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmlite.datasets.bad_items import leaves
from mmlite.datasets.paths import resolve_data_root
from mmlite.errors import ExpectedError
from mmlite.support.files import read_text
from mmlite.tools.dataset_analysis.copies import Copies, PartFile

_SHOWN = 5  # groups of copies in a message


def lists_of(dataset: Any) -> tuple[str, ...]:
    """Returns the annotation files of the data sets inside that are files, each once."""
    paths = [_ann_path(leaf) for leaf in leaves(dataset)]
    return tuple(dict.fromkeys(path for path in paths if os.path.isfile(path)))


def _ann_path(leaf: Any) -> str:
    name, root = getattr(leaf, 'ann_file', ''), getattr(leaf, 'data_root', '')
    if not name or not root:
        return resolve_data_root(name) if name else ''
    return os.path.normpath(os.path.join(resolve_data_root(root), name))


def where_listed(image: str, lists: Sequence[str], last: bool = False) -> str:
    """Returns 'LIST, line 17 (NAME)', or the image itself where no list names it.

    Args:
        image: its absolute path.
        lists: from `lists_of`.
        last: the last line that names it, where there are several; else the first.
    """
    for file in lists:
        try:
            found = (_entries if file.endswith('.json') else _lines)(file, image)
        except (ExpectedError, ValueError):
            continue
        if found:
            return f'{file}, {found[-1 if last else 0]}'
    return f'{image}: no list names it, it is the file that has to move'


def copies_text(copies: Copies) -> str:
    """Says how many pictures are there more than once, in one line."""
    leaks = ', '.join(f'{count} of {pair}' for pair, count in copies.leaks.items())
    surplus = ', '.join(f'{count} in {name}' for name, count in copies.within.items() if count)
    alike = ', '.join(f'{count} of {pair}' for pair, count in copies.alike.items())
    said = [
        f'LEAKAGE between the parts: {leaks}.' if leaks else 'No picture is in two parts.',
        f'Surplus copies inside a part: {surplus}.' if surplus else 'None is twice in a part.',
    ]
    if alike:
        said.append(f'Only alike, as neighbouring frames of a film are: {alike}.')
    return ' '.join(said)


def what_to_remove(copies: Copies, lists: Mapping[str, Sequence[str]]) -> list[str]:
    """Returns lines that name copies, and the lines of lists to remove, leaks first.

    Args:
        copies: of the data.
        lists: from `lists_of`, of each part.
    """
    lines = [_removal(group, lists) for group in copies.groups[:_SHOWN]]
    more = len(copies.groups) - len(lines)
    return [*lines, f'and {more} more groups of copies'] if more else lines


def _removal(group: Sequence[PartFile], lists: Mapping[str, Sequence[str]]) -> str:
    """Leaves a picture in the part that is tested on, and there once."""
    same = ' = '.join(dict.fromkeys(f'{part} {file}' for part, file in group))
    parts = [name for name in lists if name in {part for part, _ in group}]
    if len(parts) == 1:
        where = where_listed(group[-1][1], lists[parts[0]], last=True)
        return f'{same} is there {len(group)} times: remove {where}'
    file = next(file for part, file in group if part == parts[0])
    return f'{same}: remove {where_listed(file, lists[parts[0]])}'


def _lines(file: str, image: str) -> list[str]:
    return [
        f'line {number} ({line.strip()[:60]})'
        for number, line in enumerate(read_text(Path(file)).split('\n'), 1)
        if _names(line.strip(), image) or _names(line.split(',')[0].strip(), image)
    ]


def _entries(file: str, image: str) -> list[str]:
    images = json.loads(read_text(Path(file)))['images']
    return [
        f'images[{i}] (id {entry.get("id")}, {entry["file_name"]}) and its annotations'
        for i, entry in enumerate(images)
        if _names(str(entry.get('file_name', '')), image)
    ]


def _names(text: str, image: str) -> bool:
    """Whether a text is the end of the path of an image, with or without its ending."""
    words = [text, *text.rsplit(maxsplit=1)[:1]]  # the devkit's lists per class have a flag
    tails = ['/' + word.replace('\\', '/').lstrip('./') for word in words if word]
    path = '/' + image.replace('\\', '/').lstrip('/')
    return any(path.endswith(tail) or os.path.splitext(path)[0].endswith(tail) for tail in tails)
