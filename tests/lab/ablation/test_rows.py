from __future__ import annotations

from pathlib import Path

import pytest

from lab.ablation.rows import read_ablation
from mmlite.errors import ConfigError

GOOD = """
columns: {AP: coco/bbox_mAP}
common: [train_cfg.max_epochs=1]
rows:
  - {name: plain, config: sub/a.py, seeds: [0, 1, 2]}
  - {name: changed, config: b.py, seeds: [7], overrides: [model.x=1]}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / 'rows.yaml'
    path.write_text(text)
    return path


def test_common_overrides_come_first_and_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    ablation = read_ablation(write(tmp_path, GOOD))
    plain, changed = ablation.rows
    assert plain.path == tmp_path / 'sub/a.py'
    assert plain.overrides == ('train_cfg.max_epochs=1',)
    assert changed.overrides == ('train_cfg.max_epochs=1', 'model.x=1')
    assert ablation.columns == {'AP': 'coco/bbox_mAP'}


def test_each_row_has_its_first_seed_before_any_has_its_second(tmp_path: Path) -> None:
    runs = [(row.name, seed) for row, seed in read_ablation(write(tmp_path, GOOD)).runs()]
    assert runs == [('plain', 0), ('changed', 7), ('plain', 1), ('plain', 2)]


def test_the_digest_follows_what_is_trained(tmp_path: Path) -> None:
    before = read_ablation(write(tmp_path, GOOD)).rows
    after = read_ablation(write(tmp_path, GOOD.replace('model.x=1', 'model.x=2'))).rows
    assert before[0].digest == after[0].digest
    assert before[1].digest != after[1].digest


@pytest.mark.parametrize(
    ('good', 'bad', 'message'),
    [
        ('seeds: [7]', 'seed: [7]', r"rows\[1\]: 'seed' is no key of it. Did you mean 'seeds'"),
        ('seeds: [7]', 'seeds: 7', r'rows\[1\].seeds: a list of whole numbers .* found 7'),
        (', seeds: [7]', '', r"rows\[1\]: 'seeds' is missing"),
        ('name: changed', 'name: plain', "two rows are named 'plain'"),
        ('name: changed', 'name: a/b', r"rows\[1\].name: letters.* found 'a/b'"),
        ('[model.x=1]', '{model.x: 1}', r"overrides: a list of 'key=value' is expected"),
        ('columns: {AP: coco/bbox_mAP}', 'columns: [AP]', 'columns: headings with .* metric'),
        ('common', 'comon', "'comon' is no key of it. Did you mean 'common'"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, good: str, bad: str, message: str) -> None:
    assert good in GOOD
    with pytest.raises(ConfigError, match=message) as error:
        read_ablation(write(tmp_path, GOOD.replace(good, bad)))
    assert str(tmp_path / 'rows.yaml') in str(error.value)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    with pytest.raises(ConfigError, match=r"no such file. Did you mean 'rows.yaml'"):
        read_ablation(tmp_path / 'row.yaml')
