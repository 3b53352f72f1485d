"""One training by `tools/train.py` as a user would start it, and data in VOC layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmlite.datasets.demo import draw_demo_set
from tests.runs import CHECKOUT, CLASSES, TINY, Ended, shell


@pytest.fixture(scope='session')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """How the training ended, and its work dir; it was started from another folder."""
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    ended = shell([CHECKOUT / 'tools/train.py', TINY, '--work-dir', 'out'], cwd=elsewhere)
    return ended, elsewhere / 'out'


@pytest.fixture(scope='session')
def voc_part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of VOC layout: 12 images in trainval.txt, 6 in test.txt."""
    return draw_demo_set(tmp_path_factory.mktemp('voc') / 'part', CLASSES, 12, 6, (112, 96))


@pytest.fixture
def damaged(voc_part: Path, tmp_path: Path) -> Path:
    """A copy of it in which the first image of each list is cut off: only decoding shows that."""
    root = shutil.copytree(voc_part, tmp_path / 'damaged')
    for name in ('trainval', 'test'):
        image = first_image(root, name)
        image.write_bytes(image.read_bytes()[:-200])
    return root


def first_image(root: Path, name: str) -> Path:
    stem = (root / 'ImageSets' / 'Main' / f'{name}.txt').read_text().split()[0]
    return root / 'JPEGImages' / f'{stem}.jpg'
