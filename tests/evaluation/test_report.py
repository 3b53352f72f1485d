from __future__ import annotations

import numpy as np

from mmlite.evaluation import map_table


def result(ap: float, num_gts: int, recall: list[float]) -> dict:
    return dict(ap=ap, num_gts=num_gts, num_dets=len(recall), recall=np.array(recall))


def test_one_row_a_class_and_map_in_the_last():
    per_class = [result(0.71, 805, [0.4, 0.8]), result(0.0, 0, [0.0]), result(0.0, 3, [])]
    lines = map_table(0.355, per_class, ['RBC', 'WBC', '血小板']).splitlines()
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if '|' in line]
    assert cells == [
        ['class', 'gts', 'dets', 'recall', 'ap'],
        ['RBC', '805', '2', '0.800', '0.710'],
        ['WBC', '0', '1', '-', '-'],  # left out of the mean, so it shows no figure
        ['血小板', '3', '0', '0.000', '0.000'],
        ['mAP', '', '', '', '0.355'],
    ]
