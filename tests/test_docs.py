"""The model zoo lists every config, with the figures that the code counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import CHECKOUT, cli

CONFIGS = sorted((CHECKOUT / 'configs').glob('[!_]*/*.py'))


@pytest.mark.parametrize('folder', ['ssd', 'retinanet', 'fcos'])
def test_costs_in_the_model_zoo(folder: str) -> None:
    zoo = Path(CHECKOUT / 'docs/model_zoo.md').read_text('utf-8')
    ended = cli('model_info', *(path for path in CONFIGS if path.parent.name == folder))
    rows = [line for line in ended.out.splitlines() if line.startswith('| ')][1:]
    assert rows and all(row in zoo for row in rows)
