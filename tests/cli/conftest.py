"""Data in VOC layout with damages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


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
