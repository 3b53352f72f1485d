"""The measured table of `docs/small_objects.md` says what its results say, and all rows build."""

from __future__ import annotations

import math

import torch

from lab.ablation.results import STEP_TIME, finished, read_step_times, result_path
from lab.ablation.rows import Row, read_ablation
from lab.ablation.table import markdown_table
from mmlite.config import load_config
from mmlite.models import build_detector
from tests.runs import CHECKOUT

ABLATION = read_ablation(CHECKOUT / 'lab/ablation/configs/bccd.yaml')
RESULTS = CHECKOUT / 'lab/ablation/results'
UNTIMED = ('rtmdet-tiny', 'yolox-tiny')  # trained in float32, on another machine than the others


def steps(row: Row) -> int:
    """8 epochs of 292 images: 296 in batches of 8."""
    cfg = load_config(row.path, row.overrides)
    return 8 * math.ceil(292 / cfg.train_dataloader.batch_size)


def test_the_table_of_the_document_is_that_of_the_results() -> None:
    table = markdown_table(ABLATION, RESULTS)
    assert len(table.splitlines()) > 10
    assert table in (CHECKOUT / 'docs/small_objects.md').read_text('utf-8')


def test_every_row_and_every_result_belong_together() -> None:
    results = {path.name for path in RESULTS.glob('*.json')} - {STEP_TIME}
    assert results == {
        result_path(RESULTS, row, seed).name for row in ABLATION.rows for seed in row.seeds
    }
    assert all(len(finished(RESULTS, row)) == len(row.seeds) for row in ABLATION.rows)


def test_every_row_had_the_same_budget() -> None:
    for row in ABLATION.rows:
        for result in finished(RESULTS, row):
            assert (result['epochs'], result['iterations']) == (8, steps(row))


def test_the_steps_of_a_row_take_less_than_ten_minutes_on_two_threads() -> None:
    times = read_step_times(RESULTS)
    timed = [row for row in ABLATION.rows if row.name not in UNTIMED]
    assert set(times) == {row.name for row in timed}
    assert {time['threads'] for time in times.values()} == {2}
    longer = {row.name for row in timed if steps(row) * times[row.name]['seconds'] >= 600}
    assert longer == set()


def test_every_row_still_builds() -> None:
    for row in ABLATION.rows:
        cfg = load_config(row.path, row.overrides)
        assert cfg.model.bbox_head.num_classes == 3
        assert cfg.train_dataloader.batch_size == (2 if 'batches-of-2' in row.name else 8)
        with torch.device('meta'):
            build_detector(cfg.model)
