from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from lab.scoreboard.judge import Outcome, kind_of
from lab.scoreboard.table import BEGIN, END, TOTAL, markdown, write_between
from mmlite.errors import DataError
from tests.runs import CHECKOUT, TINY, cli

CONFIGS = {
    'ssd/works.py': f"_base_ = '{(CHECKOUT / 'tests/tiny_retinanet.py').as_posix()}'",
    'ssd/part.py': "tta_model = dict(type='DetTTAModel')",
    'rcnn/mask.py': f"_base_ = '{TINY.as_posix()}'\nmodel = dict(type='HybridTaskCascade')",
    'rcnn/broken.py': 'model = dict(',
    '_base_/base.py': 'broken = dict(',
}


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / 'mmdet-3.3.0-py3-none-any.whl'
    with zipfile.ZipFile(path, 'w') as file:
        for name, text in CONFIGS.items():
            file.writestr(f'mmdet/.mim/configs/{name}', text)
    return path


def test_configs_of_a_wheel(wheel: Path, tmp_path: Path) -> None:
    page, errors = tmp_path / 'page.md', tmp_path / 'errors.csv'
    page.write_text(f'before\n{BEGIN}\nold\n{END}\nafter\n', encoding='utf-8')
    ended = cli('scoreboard', wheel, '--steps', '--page', page, '--out', errors)
    assert ended.status == 0, ended.err
    text = page.read_text(encoding='utf-8')
    assert text.startswith('before') and text.endswith('after\n') and '\nold\n' not in text
    for row in (
        '| `rcnn` | 1 | 1 | 0 | 0 |',  # one of two is no Python
        '| `ssd` | 2 | 1 | 1 | 1 |',
        '| **all** | 3 | 2 | 1 | 1 |',
        '| type HybridTaskCascade | 1 |',
    ):
        assert row in text.splitlines(), text
    lines = errors.read_text(encoding='utf-8').splitlines()
    assert len(lines) == 1 + 3 and "type 'HybridTaskCascade' is not in the registry" in lines[1]


def test_a_folder_without_configs_is_refused(tmp_path: Path) -> None:
    ended = cli('scoreboard', tmp_path)
    assert ended.status == 2 and 'there is no FOLDER/CONFIG.py' in ended.err


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / 'page.md'
    page.write_text('nothing', encoding='utf-8')
    with pytest.raises(DataError, match='it needs the lines'):
        write_between(page, BEGIN, END, '')


@pytest.mark.parametrize(
    ('message', 'kind'),
    [
        (
            "model: type 'HybridTaskCascade' is not in the registry 'detector'.",
            'type HybridTaskCascade',
        ),
        ('a.b[1].poly2mask: LoadAnnotations supports only poly2mask=True', 'value of poly2mask'),
        ('metric: found segm. Instead: boxes; masks are not supported yet.', 'masks'),
        ('something\nlonger', 'another: something'),
    ],
)
def test_reasons_are_counted_by_kind(message: str, kind: str) -> None:
    assert kind_of(ValueError(message)) == kind


def rows(text: str) -> list[list[str]]:
    lines = [line.strip('| ').split(' | ') for line in text.splitlines() if line.startswith('| ')]
    return [line for line in lines if '---' not in line[0]]


def test_the_table_of_the_docs_adds_up() -> None:
    text = (CHECKOUT / 'docs/migrating.md').read_text(encoding='utf-8')
    _, *folders = rows(text.partition(BEGIN)[2].partition(END)[0])
    total = next(i for i, row in enumerate(folders) if row[0] == TOTAL)
    counts = [[int(cell) for cell in row[1:]] for row in folders[:total]]
    assert [sum(column) for column in zip(*counts, strict=True)] == [
        int(cell) for cell in folders[total][1:]
    ]
    configs, models, built = map(int, folders[total][1:4])
    reasons = sum(int(count) for _, count in folders[total + 2 :])
    assert configs == 814
    assert built >= 152
    assert models - built <= reasons <= configs - built  # a part that is not read has one too


def test_steps_are_counted_where_they_were_tried() -> None:
    one = Outcome('atss', 'a', True, '', '', '')
    text = markdown([one, one._replace(step='ValueError: x')])
    assert '| `atss` | 2 | 2 | 2 | 1 |' in text.splitlines()
