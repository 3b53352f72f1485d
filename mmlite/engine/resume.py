"""Going on with a training: from which file, and where in the epoch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log

from mmlite.engine.checkpoint_file import last_checkpoint, read_checkpoint
from mmlite.errors import DataError


def find_resumable(
    work_dir: str | Path, trusted: bool = False
) -> tuple[str, dict[str, Any]] | tuple[None, None]:
    """Returns the newest checkpoint of a work dir that can be resumed: its path and content.

    That is the one that `last_checkpoint` names. If it is damaged, the one before it; Nones where
    there is none.

    Args:
        work_dir: the folder.
        trusted: as `read_checkpoint`.
    """
    named = last_checkpoint(work_dir)
    others = sorted(
        (p for p in Path(work_dir).glob('*.pth') if not p.name.startswith('best_')),
        key=lambda p: p.stat().st_mtime,
        reverse=True,
    )
    for path in dict.fromkeys([*([named] if named else []), *map(str, others)]):
        try:
            checkpoint = read_checkpoint(path, trusted)
            check_can_be_resumed(checkpoint, path)
            return path, checkpoint
        except DataError as error:
            print_log(f'{error}. Looking for the one before it', 'current', logging.WARNING)
    return None, None


def check_can_be_resumed(checkpoint: Mapping, path: str) -> None:
    """Refuses to resume from weights alone, as a published checkpoint or mmdet 2.x's holds them.

    Raises:
        DataError: says what is missing, and how to start a training from the weights.
    """
    meta = checkpoint.get('meta') or {}
    missing = [name for name in ('optimizer', 'message_hub') if name not in checkpoint]
    missing += [f'meta.{name}' for name in ('epoch', 'iter') if name not in meta]
    if missing:
        raise DataError(
            f'{path} cannot be resumed: it has no {", ".join(missing)}. To start a training from '
            f'its weights: --cfg-options load_from={path}'
        )


def resumed_position(
    meta: Mapping[str, Any], batch_size: int, batches_per_epoch: int | None
) -> dict[str, int]:
    """Returns where a training goes on, as `position` of the training loops gives it.

    With another number of images in a batch the epoch has another number of batches: it goes on
    after the same share of its images. A training that counts iterations keeps their number.

    Args:
        meta: of the checkpoint.
        batch_size: images in a batch, of all processes of this run together.
        batches_per_epoch: of this run; None for one that counts iterations.
    """
    names = ('epoch', 'iter', 'done_in_epoch', 'last_val_iter')
    position = {name: meta[name] for name in names if name in meta}
    old_size = meta.get('total_batch_size', batch_size)
    if old_size == batch_size:
        return position
    done, iteration = position['done_in_epoch'], position['iter']
    if batches_per_epoch is not None:
        done = min(round(done * old_size / batch_size), batches_per_epoch)
        iteration = position['epoch'] * batches_per_epoch + done
    validated = position['last_val_iter'] == position['iter']
    print_log(
        f'The batch has {batch_size} images, that of the run before had {old_size}: iteration '
        f'{position["iter"]} becomes {iteration}. The weights will not be equal bit for bit',
        'current',
        logging.WARNING,
    )
    return dict(
        epoch=position['epoch'],
        iter=iteration,
        done_in_epoch=done,
        last_val_iter=iteration if validated else -1,
    )
