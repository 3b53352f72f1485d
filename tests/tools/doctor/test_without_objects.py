"""The doctor on data that lack what its checks look at: it says so, and no check falls over."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from mmengine.config import Config

from mmlite.config import load_config
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.examine import CHECKS, examine
from mmlite.tools.doctor.finding import Finding
from tests.runs import TINY
from tests.tools.doctor.mistakes import on_voc

HERE = 'tests.tools.doctor.test_without_objects.'
FALLEN = re.compile(r'^\w*(?:Error|Exception|Warning): ')  # what `examine` makes of a raised one


def edited(cfg: Config, voc: Path, folder: Path, change: Callable[[str], str], part: str) -> None:
    """Has a config read a copy of VOC data, in which the XML files of a part are changed."""
    root = Path(shutil.copytree(voc, folder / 'voc'))
    on_voc(cfg, root)
    for stem in (root / f'ImageSets/Main/{part}.txt').read_text().split():
        path = root / f'Annotations/{stem}.xml'
        path.write_text(change(path.read_text()))


def findings_of(cfg: Config, *only: str) -> list[Finding]:
    findings = list(examine(Context(cfg, seconds=600), only=only))
    fallen = [str(f) for f in findings if FALLEN.match(f.evidence)]
    assert fallen == []
    assert all(f.change for f in findings if f.verdict in ('warning', 'error'))
    return findings


def errors(findings: list[Finding]) -> str:
    return '\n'.join(f'{f.check}: {f.evidence}' for f in findings if f.verdict == 'error')


def all_difficult(text: str) -> str:
    text = re.sub('<difficult>.*?</difficult>', '', text)
    return text.replace('<bndbox>', '<difficult>1</difficult><bndbox>')


def no_object(text: str) -> str:
    return re.sub('<object>.*</object>', '', text, flags=re.DOTALL)


def outside(text: str) -> str:
    return re.sub(r'<(xmin|xmax)>(\d+)', lambda found: f'<{found[1]}>{int(found[2]) + 5000}', text)


@pytest.mark.parametrize('change', [all_difficult, no_object, outside])
def test_a_training_without_objects(change, voc_part: Path, tmp_path: Path) -> None:
    cfg = load_config(TINY)
    edited(cfg, voc_part, tmp_path, change, 'trainval')
    findings = findings_of(cfg)
    assert 'parts: train_dataloader.dataset: no object is left to train on' in errors(findings)
    asked = {f.check for f in findings}
    assert asked == set(CHECKS)  # each has answered


@pytest.mark.parametrize('change', [all_difficult, no_object])
@pytest.mark.parametrize('metric', ['VOCMetric', 'CocoMetric'])
def test_a_validation_without_objects(change, metric, voc_part: Path, tmp_path: Path) -> None:
    cfg = load_config(TINY)
    edited(cfg, voc_part, tmp_path, change, 'test')
    cfg.val_evaluator = cfg.test_evaluator = dict(type=metric)
    findings = findings_of(cfg, *[name for name in CHECKS if name != 'overfit'])
    assert f'ground_truth: {metric}: there is no object to find' in errors(findings)


class LosesBoxes:
    """A plugin's transform: each box is nothing but a line afterwards."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results['gt_bboxes'] = results['gt_bboxes'][:, [0, 1, 0, 3]]
        return results


class DropsBoxes:
    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results['gt_bboxes'] = np.zeros((0, 4), np.float32)
        results['gt_labels'] = results['gt_labels'][:0]
        return results


@pytest.mark.parametrize('kind', ['LosesBoxes', 'DropsBoxes'])
def test_a_pipeline_that_leaves_no_box(kind: str) -> None:
    cfg = load_config(TINY)
    cfg.train_dataloader.dataset.pipeline.insert(3, dict(type=HERE + kind))
    findings = findings_of(cfg)
    assert any(f.check == 'boxes' and f.verdict == 'error' for f in findings), errors(findings)
    if kind == 'LosesBoxes':
        assert 'were left out at the end as they have no area' in errors(findings)
    assert all(f.verdict == 'skipped' for f in findings if f.check in ('priors', 'coder'))


def test_one_image_each() -> None:
    cfg = load_config(TINY)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.indices = 1
    findings_of(cfg)


class NoImages:
    """A data set of a plugin."""

    metainfo: ClassVar[dict] = dict(classes=('square', 'triangle', 'cross', 'ring', 'hourglass'))
    classes = metainfo['classes']

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize('loader', ['train_dataloader', 'val_dataloader'])
def test_a_data_set_without_images(loader: str) -> None:
    cfg = load_config(TINY)
    cfg[loader].dataset = dict(type=HERE + 'NoImages')
    cfg.test_dataloader = cfg.val_dataloader
    assert f'parts: {loader}.dataset: it has no image' in errors(findings_of(cfg))


def test_what_a_data_set_warns_of_is_found(voc_part: Path, tmp_path: Path) -> None:
    def swapped(text: str) -> str:
        return text.replace('width>', 'w>').replace('height>', 'width>').replace('w>', 'height>')

    cfg = load_config(TINY)
    edited(cfg, voc_part, tmp_path, swapped, 'trainval')
    (found,) = [f for f in findings_of(cfg, 'annotations') if f.verdict == 'warning']
    assert 'have the two swapped' in found.evidence and found.evidence.startswith('train: ')


def test_a_training_without_a_batch() -> None:
    cfg = load_config(TINY, ['train_dataloader.batch_size=13', '+train_dataloader.drop_last=True'])
    findings = findings_of(cfg, 'sampling')
    assert '12 images, batch_size=13 and drop_last=True: not a single batch' in errors(findings)
