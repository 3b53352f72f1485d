"""Data of an extreme kind with a config that fits them: no false error, no false warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.examine import CHECKS, examine
from tests.tools.doctor.sets import SETS, ExtremeSet, extreme_config


@pytest.mark.parametrize('chosen', SETS, ids=lambda chosen: chosen.name)
def test_nothing_is_wrong(chosen: ExtremeSet, tmp_path: Path) -> None:
    context = Context(extreme_config(chosen, tmp_path), seconds=600)
    asked = [name for name in CHECKS if name != 'overfit' or chosen.name == 'tiny']
    findings = list(examine(context, asked))
    wrong = [str(f) for f in findings if f.verdict in ('error', 'warning')]
    if chosen.images == 1:  # of a batch of 4 images there is one: that is true, and said
        wrong = [text for text in wrong if 'a batch of all processes is 4 images' not in text]
    assert wrong == [], '\n'.join(wrong)
    assert sum(f.verdict == 'skipped' for f in findings) <= 1
