"""The verb `malloc`, on one small image."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest
import torch

from lab.benchmark.malloc import case_of
from tests.runs import cli, shell

pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc/self/status')


def test_retinanet_and_fcos_have_as_many_pixels_as_their_configs() -> None:
    # 1024 x 1024 = 1,048,576; 1333 x 800 = 1,066,400
    assert (case_of('fcos').batch_size, case_of('fcos').side) == (1, 1024)
    assert (case_of('ssd300').batch_size, case_of('ssd300').side) == (4, 300)


def test_a_process_says_its_seconds_and_its_peak() -> None:
    ended = shell(['-m', 'lab.benchmark.malloc', 'kept', 'infer', 'ssd300', '2'])
    assert ended.status == 0, ended.err
    seconds, megabytes = map(float, ended.out.split())
    assert seconds > 0
    assert megabytes > 105  # 26.3 million parameters in float32


def test_the_verb_compares_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {'kept': iter([(1.0, 30.0), (3.0, 50.0)]), 'given back': iter([(4.0, 30.0)] * 2)}
    monkeypatch.setattr('lab.benchmark.malloc.WORK', ('step',))
    monkeypatch.setattr('lab.benchmark.malloc._in_a_process', lambda how, *case: next(figures[how]))
    out = tmp_path / 'out.json'
    ended = cli('benchmark', 'malloc', '--model', 'ssd300', '--rounds', 2, '--out', out)
    assert ended.status == 0, ended.err
    [row] = json.loads(out.read_text())['rows']
    # medians: (1 + 3) / 2 = 2 of 4 seconds, (30 + 50) / 2 MB
    assert row == {
        'what': 'ssd300, step, 4 x 300 px',
        'kept s': 2.0,
        'given back s': 4.0,
        'kept/given back': 0.5,
        'kept MB': 40.0,
        'given back MB': 30.0,
    }


def test_the_threads_are_those_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, seen = torch.get_num_threads(), []
    monkeypatch.setattr('lab.benchmark.malloc.WORK', ('step',))

    def ended(command: list[str], **_: object) -> argparse.Namespace:
        seen.append(command[-1])
        return argparse.Namespace(stdout='1 2')

    monkeypatch.setattr('lab.benchmark.malloc.subprocess.run', ended)
    out = tmp_path / 'out.json'
    case = ('--model', 'ssd300', '--rounds', 1, '--threads', before + 1)
    try:
        assert cli('benchmark', 'malloc', *case, '--out', out).status == 0
    finally:
        torch.set_num_threads(before)
    assert seen == [str(before + 1)] * 2
    assert json.loads(out.read_text())['machine']['threads'] == str(before + 1)
