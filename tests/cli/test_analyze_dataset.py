from __future__ import annotations

import json
from pathlib import Path

from mmlite.config import load_config
from mmlite.models import build_detector
from tests.runs import CHECKOUT, TINY, cli, shell

FAR = (
    'model.bbox_head.anchor_generator.min_sizes=(3,6,9)',
    'model.bbox_head.anchor_generator.max_sizes=(6,9,12)',
)


def test_it_prints_a_summary_and_writes_the_rest(tmp_path: Path) -> None:
    tool = CHECKOUT / 'tools' / 'analyze_dataset.py'
    ended = shell([tool, TINY, '--out', tmp_path / 'out', '--cfg-options', *FAR])
    assert ended.status == 0, ended.err
    assert 'Boxes' not in ended.err
    assert 'hourglass' in ended.out
    assert 'To paste into the config:' in ended.out
    names = {'classes.png', 'boxes.png', 'priors.png', 'analysis.json', 'tiny_ssd_priors.py'}
    assert {path.name for path in (tmp_path / 'out').iterdir()} == names
    for name in ('classes.png', 'boxes.png', 'priors.png'):
        assert (tmp_path / 'out' / name).read_bytes().startswith(b'\x89PNG')
    found = json.loads((tmp_path / 'out' / 'analysis.json').read_text())
    assert found['splits']['train']['boxes'] == 49
    assert found['splits']['val']['images'] == 6
    assert found['pixels']['images'] == 12
    before, after = (found['coverage'][when]['train']['rows'][0] for when in ('before', 'after'))
    assert after['shares'][0] > before['shares'][0] + 0.3
    build_detector(load_config(tmp_path / 'out' / 'tiny_ssd_priors.py').model)
    # what is printed is what the file holds
    snippet = ended.out.partition('To paste into the config:\n\n')[2].partition('\n\n')[0]
    assert snippet in (tmp_path / 'out' / 'tiny_ssd_priors.py').read_text()


def test_the_other_heads(tmp_path: Path) -> None:
    for name in ('retinanet', 'fcos'):
        out = tmp_path / name
        ended = cli('analyze_dataset', f'tests/tiny_{name}.py', '--demo-data', '--out', out)
        assert ended.status == 0, ended.err
        assert (out / 'priors.png').is_file()
        assert ('Boxes by level' in ended.out) == (name == 'fcos')


def test_mistakes_are_said_without_a_traceback(tmp_path: Path) -> None:
    ended = cli('analyze_dataset', TINY, '--images', 0)
    assert ended.status == 2
    assert '--images' in ended.err
    config = tmp_path / 'no_model.py'
    config.write_text('train_dataloader = dict()\n')
    ended = cli('analyze_dataset', config)
    assert ended.status == 2
    assert "no_model.py: the config has no 'model'" in ended.err
    assert 'Traceback' not in ended.err
