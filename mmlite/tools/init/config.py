"""The config that `init` writes, of at most 15 lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmlite.config.text import flat_text
from mmlite.tools.init.choice import LARGEST_BATCH, Choice

_CROWDED = (
    "val_evaluator = test_evaluator = dict(_delete_=True, type='VOCMetric')"
    '  # CocoMetric counts 100 of a class in a picture'
)
_LONGEST_NAMES = 200  # characters of all class names; longer lists are taken from the data


def config_of(
    title: str,
    choice: Choice,
    classes: Sequence[str],
    parts: Mapping[str, Mapping[str, Any]],
    all_named: bool,
    reasons: Mapping[str, str],
) -> str:
    """Returns the text of the config.

    Args:
        title: its first line, a comment.
        choice: model, input, schedule, batch.
        classes: the names; they are written out, or taken from the data where they are many.
        parts: arguments of the data set of 'train' and 'val', and of 'test' where there is one.
        all_named: whether `classes` are all names in the data.
        reasons: why an argument of the data sets is as it is, by its name.
    """
    written = flat_text(tuple(classes))
    names = {}
    if all_named and len(written) > _LONGEST_NAMES:
        head, metainfo = "'auto'", dict(classes='auto')
    else:
        head, metainfo = 'len(classes)', None
        names = {'classes': tuple(classes)}
    same = {
        key: value
        for key, value in parts['train'].items()
        if all(key in part and part[key] == value for part in parts.values())
    }
    model = f'bbox_head=dict(num_classes={head})'
    crowd = f'up to {choice.most} objects in a picture' if choice.detections else ''
    if choice.detections:
        model += f', test_cfg=dict(max_per_img={choice.detections})'
    batch, why = choice.batch
    lines = [
        f'# {title}',
        '_base_ = [',
        *(f'    {base!r},{_comment(reason)}' for base, reason in choice.bases.items()),
        ']',
        *(f'{name} = {flat_text(value)}' for name, value in names.items()),
        _data_line(same, metainfo, reasons),
        f'train_dataloader = dict(batch_size={batch}, {_dataset(parts["train"], same)})'
        f'{_comment(why)}',
        f'val_dataloader = dict({_dataset(parts["val"], same)})',
        f'test_dataloader = dict({_dataset(parts["test"], same)})'
        if 'test' in parts
        else 'test_dataloader = val_dataloader',
        f'model = dict({model}){_comment(crowd)}',
    ]
    if batch < LARGEST_BATCH:  # that of the schedules
        lines.append(f'auto_scale_lr = dict(base_batch_size={batch})  # the learning rate stays')
    if choice.crowded:
        lines.append(_CROWDED)
    return '\n'.join(lines) + '\n'


def _data_line(same: Mapping[str, Any], metainfo: dict | None, reasons: Mapping[str, str]) -> str:
    words = [f'{key}={flat_text(value)}' for key, value in same.items() if key != 'metainfo']
    words.append(
        f'metainfo={flat_text(metainfo)}' if metainfo else 'metainfo=dict(classes=classes)'
    )
    why = '; '.join(f'{key}: {reasons[key]}' for key in same if key in reasons)
    return f'data = dict({", ".join(words)}){_comment(why)}'


def _dataset(part: Mapping[str, Any], same: Mapping[str, Any]) -> str:
    own = {key: value for key, value in part.items() if key not in same and key != 'metainfo'}
    return (
        f'dataset=dict({", ".join(["**data", *(f"{k}={flat_text(v)}" for k, v in own.items())])})'
    )


def _comment(reason: str) -> str:
    return f'  # {reason}' if reason else ''
