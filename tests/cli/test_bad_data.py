"""A VOC folder with bad items of every kind, trained and evaluated in one command."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmlite.datasets.demo import draw_demo_set
from tests.runs import CHECKOUT, CLASSES, Ended, cli, log

VOC = CHECKOUT / 'tests' / 'tiny_voc.py'
ONE_EPOCH = 'train_cfg.max_epochs=1', 'train_dataloader.dataset.times=1'
ALLOWED = ('--max-bad', '0.1', '--skip-bad-images')


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


@pytest.fixture(scope='module')
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 images in trainval.txt, 20 in test.txt."""
    return draw_demo_set(tmp_path_factory.mktemp('voc') / 'good', CLASSES, 60, 20, (112, 96))


@pytest.fixture
def bad(good: Path, tmp_path: Path) -> Path:
    """5% are bad: of the first 60 images three, two of them known from the start; one of 20."""
    root = shutil.copytree(good, tmp_path / 'bad')
    (root / 'JPEGImages/000007.jpg').write_text('to do')
    (root / 'Annotations/000020.xml').write_text('<annotation>')
    cut_off(root / 'JPEGImages/000033.jpg')
    cut_off(root / 'JPEGImages/000070.jpg')
    return root


def train(root: Path, work_dir: Path, *flags: str, options: Sequence[str] = ()) -> Ended:
    own = '--data-root', root, '--work-dir', work_dir, '--seed', 0
    return cli('train', VOC, *own, *flags, '--cfg-options', *ONE_EPOCH, *options)


@pytest.mark.parametrize('workers', [0, 2])
def test_it_trains_and_evaluates_to_the_end(bad: Path, tmp_path: Path, workers: int) -> None:
    loading = [f'{part}_dataloader.num_workers={workers}' for part in ('train', 'val')]
    ended = train(bad, tmp_path / 'work', *ALLOWED, options=loading)
    assert ended.status == 0, ended.err
    text = log(tmp_path / 'work')
    (line,) = re.findall('.*60 images, .*', text)  # before the first is loaded
    assert '2 of them bad and skipped: ' in line
    assert '000007.jpg: no image that OpenCV can read' in line
    assert '000020.xml:1: not well-formed XML' in line
    (line,) = re.findall('.*were replaced by others.*', text)
    assert '3 of 60 images cannot be used' in line and '(3 times so far)' in line
    assert re.findall(r'(\d+)\.jpg', line) == ['000007', '000020', '000033']
    (line,) = re.findall('.*metrics cover.*', text)
    assert 'metrics cover 19 of 20 images: left out as bad' in line
    assert '000070.jpg' in line
    assert 'pascal_voc/skipped_images: 1.0000' in text


def test_bad_validation_never_stops_a_training(good: Path, tmp_path: Path) -> None:
    root = shutil.copytree(good, tmp_path / 'bad')
    for stem in ('000061', '000062'):
        (root / f'JPEGImages/{stem}.jpg').unlink()
    (root / 'Annotations/000063.xml').write_text('')
    cut_off(root / 'JPEGImages/000064.jpg')
    ended = train(root, tmp_path / 'work')
    assert ended.status == 0, ended.err
    assert 'metrics cover 16 of 20 images: left out as bad' in log(tmp_path / 'work')


def test_by_default_it_stops_with_one_message(bad: Path, tmp_path: Path) -> None:
    ended = train(bad, tmp_path / 'work')
    assert ended.status == 2
    assert len(ended.err.splitlines()) == 1
    assert '2 of 60 images cannot be used, and max_bad=0.01 allows 0' in ended.err
    assert '000007.jpg: no image' in ended.err and '000020.xml:1: not well-formed' in ended.err


def test_it_stops_where_decoding_shows_too_many(good: Path, tmp_path: Path) -> None:
    root = shutil.copytree(good, tmp_path / 'bad')
    for number in range(1, 31):
        cut_off(root / f'JPEGImages/{number:06}.jpg')
    ended = train(root, tmp_path / 'work', *ALLOWED)
    assert ended.status == 1
    assert len(ended.err.splitlines()) == 1 and 'Traceback' not in ended.err
    found = re.search(r'training data: (\d+) of 60 images .*max_bad=0.1 allows 6', ended.err)
    assert 6 < int(found[1]) < 20  # within a few batches


def test_testing_refuses_what_is_not_allowed(trained, bad: Path, tmp_path: Path) -> None:
    (bad / 'JPEGImages/000065.jpg').unlink()
    flags = trained[1] / 'epoch_2.pth', '--data-root', bad, '--work-dir', tmp_path / 'work'
    ended = cli('test', VOC, *flags)
    assert ended.status == 2 and len(ended.err.splitlines()) == 1
    assert 'test data: 1 of 20 images cannot be used' in ended.err
    assert '--skip-bad-images' in ended.err
    ended = cli('test', VOC, *flags, '--skip-bad-images')
    assert ended.status == 1 and 'max_bad=0.01 allows 0' in ended.err
    ended = cli('test', VOC, *flags, '--show-dir', tmp_path / 'shown', *ALLOWED)
    assert ended.status == 0, ended.err
    assert 'metrics cover 18 of 20 images: left out as bad' in ended.out
    assert ended.out.splitlines()[-1].startswith('pascal_voc/mAP: ')
    assert len(list((tmp_path / 'shown').glob('0*.jpg'))) == 20


def test_nothing_to_train_on_and_nothing_to_find(good: Path, tmp_path: Path) -> None:
    for part, message in (
        ('trainval', 'train_dataloader.dataset: no object is left to train on'),
        ('test', 'VOCMetric: there is no object to find'),
    ):
        root = shutil.copytree(good, tmp_path / part)
        for stem in (root / f'ImageSets/Main/{part}.txt').read_text().split():
            path = root / f'Annotations/{stem}.xml'
            text = re.sub('<difficult>.*?</difficult>', '', path.read_text())
            path.write_text(text.replace('<bndbox>', '<difficult>true</difficult><bndbox>'))
        ended = train(root, tmp_path / f'work_{part}')
        assert ended.status == 2 and len(ended.err.splitlines()) == 1
        assert message in ended.err and 'boxes ignored as difficult' in ended.err
        assert not list((tmp_path / f'work_{part}').rglob('*.pth'))


def test_not_a_single_batch(good: Path, tmp_path: Path) -> None:
    options = 'train_dataloader.batch_size=61', '+train_dataloader.drop_last=True'
    ended = train(good, tmp_path / 'work', options=options)
    assert ended.status == 2
    assert 'train_dataloader: not a single batch: 60 images, batch_size=61' in ended.err
