"""The doctor and analyze_dataset on VOC files written from 0, from 1 and up to the last pixel."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.datasets import VOCDataset
from mmlite.tools.dataset_analysis.splits import read_split
from mmlite.tools.dataset_analysis.statistics import split_figures
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.examine import examine
from tests.runs import TINY
from tests.tools.doctor.mistakes import on_voc

ADDED = dict(devkit=(1, 1), zero_based=(0, 0), inclusive=(1, 0))


def rewritten(voc: Path, folder: Path, coordinates: str) -> Path:
    """A copy whose corners follow a rule; each image has an object that fills it."""
    first, last = ADDED[coordinates]
    root = Path(shutil.copytree(voc, folder / 'voc'))
    for path in (root / 'Annotations').iterdir():
        text = path.read_text()
        width, height = (int(re.search(rf'<{s}>(\d+)', text)[1]) for s in ('width', 'height'))
        corners = dict(xmin=first, ymin=first, xmax=width + last, ymax=height + last)
        for key, number in corners.items():
            text = re.sub(rf'<{key}>\d+', f'<{key}>{number}', text, count=1)
        for key, less in dict(xmin=1 - first, ymin=1 - first).items():
            text = re.sub(
                rf'(?<=<{key}>)\d+', lambda n, less=less: str(max(int(n[0]) - less, first)), text
            )
        path.write_text(text)
    return root


@pytest.mark.parametrize('rule', ADDED)
def test_the_doctor_names_the_rule_of_the_files(voc_part: Path, tmp_path: Path, rule: str) -> None:
    cfg = load_config(TINY)
    on_voc(cfg, rewritten(voc_part, tmp_path, rule))
    findings = list(examine(Context(cfg), only=['annotations']))
    text = '\n'.join(map(str, findings))
    assert "corners read with coordinates='devkit'" in text
    named = dict(
        devkit='as the files have it',
        zero_based="Put into the data set: coordinates='zero_based'",
        inclusive="the files look like coordinates='inclusive'",
    )
    assert named[rule] in ' '.join(text.split())
    warned = [f.evidence for f in findings if f.verdict == 'warning']
    assert any('zero_based' in evidence for evidence in warned) == (rule == 'zero_based')


def test_analyze_dataset_says_it_too(voc_part: Path, tmp_path: Path) -> None:
    root = rewritten(voc_part, tmp_path, 'zero_based')
    dataset = VOCDataset(data_root=str(root), metainfo=dict(classes='auto'))
    split = read_split(dataset, 'train')
    assert any("coordinates='zero_based'" in remark for remark in split.remarks)
    assert len(split.remarks) == len(set(split.remarks)) == 1


def test_the_analysis_has_the_remarks(voc_part: Path, tmp_path: Path) -> None:
    dataset = VOCDataset(data_root=str(voc_part), metainfo=dict(classes='auto'))
    split = read_split(dataset, 'train')
    from mmlite.tools.dataset_analysis.splits import network_boxes

    assert split_figures(split, network_boxes(split, []))['remarks'] == list(split.remarks)
