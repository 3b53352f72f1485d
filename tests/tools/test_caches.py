"""What is found in the caches and removed from them, and above all what is not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import torch

from mmlite.support.cache import fetched, note_fetched
from mmlite.tools.caches import NAMES, Cache, clear, find_caches, others_in
from tests.runs import cli

NPZ = 'annotations-0123456789abcdef01234567.npz'
DEMO = 'demo-0123456789ab'


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub of torch beside it."""
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    (tmp_path / 'cache').mkdir()
    (tmp_path / 'hub' / 'checkpoints').mkdir(parents=True)
    return tmp_path / 'cache'


def demo_set(folder: Path) -> Path:
    (folder / 'JPEGImages').mkdir(parents=True)
    (folder / 'JPEGImages' / '000001.jpg').write_bytes(b'12345')
    (folder / 'demo.json').write_text(json.dumps(dict(drawing_version=3)), encoding='utf-8')
    return folder


def used_days_ago(path: Path, days: float) -> None:
    before = time.time() - 86400 * days
    for one in (path, *path.rglob('*')):
        os.utime(one, (before, before))


def by_name() -> dict[str, Cache]:
    return {cache.name: cache for cache in find_caches()}


def test_each_kind_is_found_with_its_size(place: Path) -> None:
    (place / NPZ).write_bytes(b'123')
    (place / f'.{NPZ}.unfinished.77').write_bytes(b'1')  # of a process that was killed
    demo_set(place / DEMO)
    demo_set(place / f'{DEMO}.01234567.draft')
    weights = place.parent / 'hub' / 'checkpoints' / 'a.pth'
    weights.write_bytes(b'1234567')
    note_fetched(weights)
    found = by_name()
    assert tuple(found) == NAMES
    assert (found['annotations'].files, found['annotations'].size) == (2, 4)
    size = 5 + len(json.dumps(dict(drawing_version=3)))
    assert (found['demo'].files, found['demo'].size) == (4, 2 * size)
    assert (found['weights'].files, found['weights'].size) == (1, 7)
    assert others_in(place) is None


def test_only_what_mmlite_made_is_removed(place: Path) -> None:
    (place / NPZ).write_bytes(b'123')
    demo_set(place / DEMO)
    elsewhere = demo_set(place.parent / 'mine')
    kept = [
        place / 'annotations-mine.npz',
        place / 'annotations.npz',
        place / f'{DEMO}1' / 'demo.json',  # another name
        place / 'demo-ffffffffffff' / 'a.jpg',  # without the mark
        place / 'demo-eeeeeeeeeeee' / 'demo.json',  # with the mark of something else
        place.parent / 'hub' / 'checkpoints' / 'other.pth',  # fetched by another program
    ]
    for path in kept:
        path.parent.mkdir(exist_ok=True)
        path.write_text('[]', encoding='utf-8')
    (place / 'demo-aaaaaaaaaaaa').symlink_to(elsewhere)
    (place / NPZ.replace('0', 'a')).symlink_to(elsewhere / 'demo.json')
    (place / DEMO / 'link').symlink_to(elsewhere)
    for cache in find_caches():
        clear(cache)
    assert all(path.is_file() for path in kept)
    assert (elsewhere / 'JPEGImages' / '000001.jpg').is_file()
    assert (place / 'demo-aaaaaaaaaaaa').is_symlink()
    assert not (place / NPZ).exists() and not (place / DEMO).exists()
    assert others_in(place).files == 5  # the links and the file of the hub do not count


def test_only_what_was_not_used_for_some_days(place: Path) -> None:
    for name, days in ((NPZ, 10), (NPZ.replace('0', 'f'), 1)):
        (place / name).write_bytes(b'123')
        used_days_ago(place / name, days)
    used_days_ago(demo_set(place / DEMO), 10)
    assert [entry.path for entry in clear(by_name()['annotations'], 5).entries] == [place / NPZ]
    assert clear(by_name()['demo'], 11).entries == ()
    assert (place / DEMO).is_dir()


def test_weights_that_were_replaced_or_are_links_are_others(place: Path) -> None:
    hub = place.parent / 'hub' / 'checkpoints'
    for name in ('a.pth', 'b.pth', 'c.pth'):
        (hub / name).write_bytes(b'123')
        note_fetched(hub / name)
    (hub / 'a.pth').write_bytes(b'4567')  # another program has fetched a newer one
    (hub / 'b.pth').unlink()
    (hub / 'b.pth').symlink_to(hub / 'c.pth')
    assert list(fetched()) == [hub / 'c.pth']
    clear(by_name()['weights'])
    assert sorted(path.name for path in hub.iterdir()) == ['a.pth', 'b.pth']
    (hub / 'c.pth').write_bytes(b'123')  # fetched again, by another program
    assert list(fetched()) == []


def test_the_command_shows_and_clears(place: Path) -> None:
    (place / NPZ).write_bytes(b'123')
    demo_set(place / DEMO)
    (place / 'mine.txt').write_text('1', encoding='utf-8')
    shown = cli('cache')
    assert shown.status == 0
    assert f'annotations  1      0 kB  {time.strftime("%Y-%m-%d")}' in shown.out
    assert f'{place}: 1 other files (0 kB), which mmlite did not make, and which stay' in shown.out
    cleared = cli('cache', '--clear', 'demo')
    assert cleared.out == f'demo: 2 files removed, 0 kB: {place}\n'
    assert (place / NPZ).is_file()
    assert cli('cache', '--clear').status == 0
    assert [path.name for path in place.iterdir()] == ['mine.txt']


def test_mistakes() -> None:
    for words, message in (
        ('--clear dmo', "there is no cache 'dmo'. Did you mean 'demo'?"),
        ('--older-than 3', '--older-than is for --clear'),
        ('--clear --older-than -1', 'days from 0 up are expected, found -1.0'),
        ('--clear --work-dir x', 'nothing is removed there'),
        ('--work-dir nowhere', 'nowhere: there is no such folder'),
    ):
        ended = cli('cache', *words.split())
        assert ended.status == 2 and message in ended.err
