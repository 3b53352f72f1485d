"""init: from a folder to a trained detector, with no line written by hand."""

from __future__ import annotations

import re
import shlex

import pytest

from mmlite.config import load_config
from tests.runs import cli
from tests.tools.init.folders import coco, picture, pictures, voc, yolo

NAMES = [f'n{i:02d}' for i in range(20)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / 'here'
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def content(folder):
    return {path.name: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_from_a_folder_to_detections(here, tmp_path):
    """The four commands that are printed, with a shorter training."""
    voc(tmp_path / 'cells/xml', tmp_path / 'cells/photos', NAMES, ['cat', 'dog'])
    before = content(tmp_path / 'cells')
    done = cli('init', tmp_path / 'cells')
    assert done.status == 0, done.err
    assert content(tmp_path / 'cells') == before
    assert 'found: 20 pictures of 64x48, 20 boxes of 2 classes: cat 10, dog 10' in done.out
    assert 'split: 16 to train on and 4 to validate (20%, seed 0)' in done.out
    commands = [shlex.split(line) for line in done.out.splitlines()[-4:]]
    verbs = [words[3] for words in commands]
    assert verbs == ['browse_dataset', 'train', 'report', 'predict']
    few = 'train_dataloader.dataset.indices=4'
    short = ('--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1', few)
    for words in commands:
        verb, args = words[3], [re.sub(r'epoch_\d+', 'epoch_1', word) for word in words[4:]]
        ended = cli(verb, *args, *(short if verb == 'train' else ()))
        assert ended.status == 0, (words, ended.err)


def test_written_again_it_is_the_same_and_a_changed_config_stays(here, tmp_path):
    yolo(tmp_path / 'set/images', tmp_path / 'set/labels', 12)
    (tmp_path / 'set/classes.txt').write_text('a\nb\n', 'utf-8')
    assert cli('init', tmp_path / 'set').status == 0
    first = content(here / 'set')
    assert sorted(first) == ['set.py', 'train.txt', 'val.txt']
    assert cli('init', tmp_path / 'set').status == 0
    assert content(here / 'set') == first
    other = cli('init', tmp_path / 'set', '--out', 'other', '--val-share', '0.5', '--seed', '3')
    assert other.status == 0 and 'split: 6 to train on and 6 to validate (50%' in other.out
    config = here / 'set/set.py'
    config.write_text(config.read_text('utf-8') + '# mine\n', 'utf-8')
    refused = cli('init', tmp_path / 'set')
    assert refused.status == 2 and 'is there already' in refused.err and '--force' in refused.err
    assert cli('init', tmp_path / 'set', '--force').status == 0
    assert content(here / 'set') == first


def test_a_folder_in_the_current_one_is_not_written_into(here):
    coco(here / 'photos/labels.json', here / 'photos', 6, ['a'])
    before = content(here / 'photos')
    assert cli('init', 'photos').status == 0
    assert content(here / 'photos') == before
    assert (here / 'photos_config/photos.py').is_file()


def test_in_the_folder_of_the_data_the_config_goes_beside_it(tmp_path, monkeypatch):
    coco(tmp_path / 'photos/labels.json', tmp_path / 'photos', 6, ['a'])
    before = content(tmp_path / 'photos')
    monkeypatch.chdir(tmp_path / 'photos')
    done = cli('init', '.')
    assert content(tmp_path / 'photos') == before
    assert 'written: ../photos_config/photos.py' in done.out


def test_what_is_odd(here, tmp_path):
    root = tmp_path / 'odd'
    voc(root / 'Annotations', root / 'images', NAMES, ['Cell', 'cells', 'rare thing', 'Cell'])
    for i in (1, 2):  # two copies of a picture
        picture(root / f'images/{NAMES[i]}.png', 7)
    text = (root / 'Annotations/n03.xml').read_text('utf-8')
    (root / 'Annotations/n03.xml').write_text(text.replace('<xmax>40', '<xmax>8'), 'utf-8')
    picture(root / 'images/without.png', 99)
    done = cli('init', root, '--groups', r'n(\d)\d')
    assert done.status == 0, done.err
    for line in (
        "class names that look like one: 'Cell' (10) and 'cells' (5)",
        'odd: 1 box without an area',
        '1 images without an XML file left out',
        '2 pictures look like another one, such as n01.png and n02.png',
        'fewer than 10 objects to learn from',
        '2 groups of 20 pictures by name',
    ):
        assert line in done.out, (line, done.out)


def test_the_split_of_the_folder_is_used(here, tmp_path):
    root = tmp_path / 'parts'
    coco(root / 'train/_annotations.coco.json', root / 'train', 8, ['a', 'b'])
    coco(root / 'valid/_annotations.coco.json', root / 'valid', 4, ['a', 'c'])
    done = cli('init', root)
    assert 'decided: split: that of the folder: train 8, val 4\n' in done.out
    unused = cli('init', root, '--val-share', '0.5', '--out', 'again').out
    assert 'train 8, val 4; --val-share, --seed and --groups change nothing\n' in unused
    assert 'only in val, so that they cannot be learnt: c' in done.out
    assert not list(here.rglob('*.txt'))
    cfg = load_config(here / 'parts/parts.py')
    assert cfg.train_dataloader.dataset.metainfo.classes == ('a', 'b')
    assert cfg.val_dataloader.dataset.ann_file == 'valid/_annotations.coco.json'


def test_mistakes(here, tmp_path):
    pictures(tmp_path / 'bare', 2)
    yolo(tmp_path / 'one/images', tmp_path / 'one/labels', 1)
    for args, why in (
        (['bare'], '2 pictures and no annotations'),
        (['one', '--out', tmp_path / 'one/images'], 'in the folder of the data, which stays'),
        (['nowhere'], 'there is no such folder'),
        (['one'], 'two pictures or more are expected that look different.* 1 picture found'),
        (['one', '--val-share', '2'], 'a share between 0 and 1'),
    ):
        ended = cli('init', tmp_path / args[0], *args[1:])
        assert ended.status == 2 and re.search(why, ended.err), (args, ended)
        assert not list(here.iterdir())
