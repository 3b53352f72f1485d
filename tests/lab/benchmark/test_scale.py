from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from lab.benchmark import detectors
from lab.benchmark.detectors import CASES
from lab.benchmark.scale import BUCKET_BYTES, Link, StepCost, step_seconds
from tests.runs import cli

COST = StepCost(forward=1.0, backward=2.0, update=0.5, num_bytes=4 * BUCKET_BYTES)


@pytest.mark.parametrize(
    ('processes', 'bandwidth', 'latency', 'expected'),
    [
        (1, 1.0, 1.0, 3.5),
        # reduce = 2 * 1 / 2 * 4 buckets at 4 a second = 1 s, under the backward pass but its last
        (2, 4 * BUCKET_BYTES, 0.0, 3.5 + 1 / 4),
        # ... at one a second 4 s: 2 s beyond the backward pass, and the last bucket
        (2, BUCKET_BYTES, 0.0, 3.5 + 2 + 1),
        # 2 * 3 hops of 4 buckets, 0.25 s each: 6 s
        (4, 1e30, 0.25, 3.5 + 4 + 1.5),
    ],
)
def test_the_model(processes: int, bandwidth: float, latency: float, expected: float) -> None:
    assert step_seconds(COST, Link(bandwidth, latency), processes) == pytest.approx(expected)


def test_the_verb(monkeypatch, tmp_path: Path) -> None:
    case = dataclasses.replace(CASES['fcos'], side=64)
    monkeypatch.setitem(detectors.CASES, 'fcos', case)
    out = tmp_path / 'out.json'
    ended = cli(
        'benchmark', 'scale', '--model', 'fcos', '--rounds', 1, '--repeats', 1, '--out', out
    )
    assert ended.status == 0, ended.err
    rows = json.loads(out.read_text())['rows']
    assert [row['how'] for row in rows] == ['measured'] * 2 + ['modelled'] * 9
    assert rows[1]['efficiency'] == rows[0]['step s'] / rows[1]['step s']
    efficiencies = [row['efficiency'] for row in rows[2:]]
    assert efficiencies[0] == 1
    assert efficiencies == sorted(efficiencies, reverse=True)
