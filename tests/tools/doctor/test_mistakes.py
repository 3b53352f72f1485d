"""Planted mistakes are found, each by the check that is for it, and clean configs are clean."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.tools.doctor import QUESTIONS
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.examine import CHECKS, examine
from mmlite.tools.doctor.finding import Finding
from tests.runs import BCCD, CHECKOUT, TINY
from tests.tools.doctor.mistakes import MISTAKES, Mistake, on_voc

QUICK = [name for name in CHECKS if name != 'overfit']


def wrong(findings: list[Finding]) -> list[str]:
    return [str(finding) for finding in findings if finding.verdict != 'ok']


def test_every_check_has_its_question() -> None:
    assert list(CHECKS) == list(QUESTIONS)


@pytest.mark.parametrize('mistake', MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_found(mistake: Mistake, voc_part: Path, tmp_path: Path) -> None:
    cfg = load_config(TINY)
    mistake.plant(cfg, voc_part, tmp_path)
    findings = list(examine(Context(cfg), only=[mistake.check]))
    verdicts = {finding.verdict for finding in findings}
    assert mistake.verdict in verdicts, '\n'.join(map(str, findings))
    assert all(finding.change for finding in findings if finding.verdict in ('warning', 'error'))


@pytest.mark.parametrize('name', ['ssd', 'retinanet', 'fcos'])
def test_the_demos_are_clean(name: str) -> None:
    few = {
        f'+{loader}_dataloader.dataset.{key}': number
        for loader in ('train', 'val')
        for key, number in (('num_train', 120), ('num_test', 16))
    }
    cfg = load_config(CHECKOUT / f'configs/{name}/{name}_demo.py', few)
    cfg.test_dataloader = cfg.val_dataloader
    assert wrong(list(examine(Context(cfg, seconds=600), only=QUICK))) == []


@pytest.mark.parametrize(('name', 'train'), [('rtmdet', 'dataset'), ('yolox', 'dataset.dataset')])
def test_what_depends_on_predictions_is_skipped(name: str, train: str) -> None:
    few = {
        f'+{dataset}.{key}': number
        for dataset in (f'train_dataloader.{train}', 'val_dataloader.dataset')
        for key, number in (('num_train', 120), ('num_test', 16))
    }
    cfg = load_config(CHECKOUT / f'configs/{name}/{name}_demo.py', few)
    cfg.test_dataloader = cfg.val_dataloader
    found = wrong(list(examine(Context(cfg, seconds=600), only=['parts', 'priors', 'coder'])))
    assert len(found) == 2 and all(line.startswith('skipped') for line in found), found
    assert all('compares what the network predicts' in line for line in found)


def test_data_only_for_testing_are_read_once() -> None:
    cfg = load_config(TINY)
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    context = Context(cfg)
    assert context.test is context.val


def test_images_without_a_positive_prior_are_left_out() -> None:
    cfg = load_config(TINY, ['model.train_cfg.assigner.pos_iou_thr=0.999'])
    cfg.model.train_cfg.assigner.update(neg_iou_thr=0.999, match_low_quality=False)
    findings = list(examine(Context(cfg), only=['coder']))
    assert not any('Error' in str(finding) for finding in findings)


def test_files_in_voc_layout_are_clean(voc_part: Path) -> None:
    cfg = load_config(TINY)
    on_voc(cfg, voc_part)
    assert wrong(list(examine(Context(cfg, seconds=600)))) == []


@pytest.mark.skipif(not BCCD.is_dir(), reason=f'{BCCD} is not there')
def test_real_data_are_clean() -> None:
    cfg = load_config(CHECKOUT / 'configs/ssd/ssd300_bccd.py')
    for loader in (cfg.train_dataloader.dataset, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(BCCD)
    assert wrong(list(examine(Context(cfg, seconds=600), only=QUICK))) == []
