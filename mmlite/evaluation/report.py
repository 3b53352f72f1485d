"""The tables that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from terminaltables import AsciiTable


def map_table(mean_ap: float, per_class: Sequence[dict], classes: Sequence[str]) -> str:
    """Returns the results of `eval_map` as text, one row a class and mAP in the last.

    Args:
        mean_ap: in [0, 1].
        per_class: the dicts that `eval_map` returns.
        classes: their names; `recall` is the share found by all the detections together. A class
            without ground truth, which mAP leaves out, has a dash for recall and ap.
    """
    rows = [['class', 'gts', 'dets', 'recall', 'ap']]
    for name, result in zip(classes, per_class, strict=True):
        recall, ap = '-', '-'
        if result['num_gts']:
            recall = f'{max(result["recall"], default=0.0):.3f}'
            ap = f'{result["ap"]:.3f}'
        rows.append([name, result['num_gts'], result['num_dets'], recall, ap])
    rows.append(['mAP', '', '', '', f'{mean_ap:.3f}'])
    table = AsciiTable(rows)
    table.inner_footing_row_border = True
    for column in (1, 2, 3, 4):
        table.justify_columns[column] = 'right'
    return table.table


def coco_table(figures: Mapping[str, float]) -> str:
    """Returns COCO's figures as text; a dash where there is nothing to find (-1)."""
    return text_table([['figure', 'value'], *([name, _share(v)] for name, v in figures.items())])


def coco_class_table(per_class: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the figures of each class as text, one row a class."""
    columns = list(next(iter(per_class.values()), {}))
    rows = [[name, *map(_share, row.values())] for name, row in per_class.items()]
    return text_table([['class', *columns], *rows])


def text_table(rows: Sequence[Sequence[Any]]) -> str:
    """Returns rows as text, the first as a head; numbers are aligned right, names left."""
    table = AsciiTable([list(row) for row in rows])
    for column in range(1, len(rows[0])):
        table.justify_columns[column] = 'right'
    return table.table


def _share(value: float) -> str:
    return '-' if value < 0 else f'{value:.3f}'
