"""What a run cannot do without: objects to train on or to find, and a batch."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_world_size

from mmlite.datasets.bad_items import leaves
from mmlite.errors import DataError


def num_objects(dataset: Any) -> int | None:
    """Returns the number of boxes to be found in images that can be used; None if unknown.

    It is of the data sets that read files, inside their wrappers: each image counts once.
    """
    parts = leaves(dataset)
    if not parts or not all(hasattr(part, 'num_objects') for part in parts):
        return None
    return sum(part.num_objects() for part in parts)


def refuse_without_objects(dataset: Any, at: str) -> None:
    """Refuses a data set that has nothing to train on; one of several parts may have nothing.

    Args:
        dataset: a data set or a wrapper of some.
        at: its config path.

    Raises:
        DataError: it has no object; the message counts what was left out, by cause.
    """
    if num_objects(dataset) != 0:
        return
    counted = ' | '.join(part.summary for part in leaves(dataset))
    raise DataError(f'{at}: no object is left to train on. {counted}')


def refuse_without_batches(batches: Sized, dataset: Any, cfg: dict, at: str) -> None:
    """Refuses a data loader that would not give a single batch.

    Args:
        batches: its batch sampler.
        dataset: the data set.
        cfg: the loader's dict.
        at: its config path.

    Raises:
        DataError: it gives none; the message has the numbers of images and of a batch.
    """
    if isinstance(getattr(batches, 'sampler', None), InfiniteSampler) or len(batches):
        return
    processes = get_world_size()
    shared = f' in each of {processes} processes' if processes > 1 else ''
    cure = ' A smaller batch_size, or drop_last=False.' if cfg['drop_last'] else ''
    raise DataError(
        f'{at}: not a single batch: {len(dataset)} images, batch_size={cfg["batch_size"]}{shared}, '
        f'drop_last={cfg["drop_last"]}.{cure}'
    )
