"""Where data are looked for, and what to say where they are not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mmlite.errors import DataError, did_you_mean

_SHOWN = 6  # names of a folder in a message
CHECKOUT = Path(__file__).resolve().parents[2]


class MissingDataError(DataError):
    """The data are not where they were looked for."""


def resolve_data_root(root: str) -> str:
    """Returns the absolute path of `root`, looked for in the current folder, then in the checkout.

    A path found in neither is returned as one in the current folder.
    """
    root = os.path.expanduser(root)
    here = os.path.abspath(root)
    in_checkout = os.path.abspath(CHECKOUT / root)
    return in_checkout if os.path.exists(in_checkout) and not os.path.exists(here) else here


def check_inside(paths: Sequence[str], roots: Sequence[str], source: str) -> None:
    """Refuses paths that an annotation file holds and that leave the folders of the data.

    Links are not followed: any person who puts a link there may choose where it points.

    Raises:
        DataError: a path lies in none of `roots`; `source` is the file that holds it.
    """
    inside = tuple(os.path.join(os.path.abspath(root), '') for root in roots)
    for path in paths:
        if not os.path.abspath(path).startswith(inside):
            raise DataError(
                f"{source}: the path '{path}' leaves the data root: '{roots[0]}'. Annotations may "
                'name files inside it only'
            )


def missing_data(title: str, path: str, data_root: str, how: str) -> MissingDataError:
    """Returns the error for a file or folder that is not there: what is near, and what to do.

    Args:
        title: of the data set.
        path: the absolute path.
        data_root: as the config has it.
        how: the last sentence, such as how to get the data.
    """
    parent = os.path.dirname(path)
    while not os.path.isdir(parent):
        parent = os.path.dirname(parent)
    names = sorted(name for name in os.listdir(parent) if not name.startswith('.'))
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    holds = f'holds {", ".join(names[:_SHOWN]) or "nothing"}{more}.'
    if parent == os.path.dirname(path):
        near = f'Its folder {holds}'
    else:
        near = f"The nearest folder that exists is '{parent}', which {holds}"
    next_name = os.path.relpath(path, parent).split(os.sep)[0]
    root = os.path.expanduser(data_root)
    relative = bool(root) and not (os.path.isabs(root) or os.path.isdir(resolve_data_root(root)))
    looked = (
        f' The relative data_root {data_root!r} is looked for in the current folder, then in '
        "mmlite's checkout: --data-root DIR sets another."
    )
    return MissingDataError(
        f"{title}: there is no '{path}'.{did_you_mean(next_name, names)} {near}"
        f'{looked if relative else ""} {how}'.rstrip()
    )
