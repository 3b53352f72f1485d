"""report, compare and analyze_logs, by the real command lines, on the work dir of one training."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from lab.pages.static_checks import page_faults
from mmlite.evaluation import load_results, save_results
from tests.runs import CHECKOUT, CHROMIUM, TINY, browser, cli, shell

PICTURES = "default_hooks.pictures=dict(type='RunPicturesHook')"


@pytest.fixture(scope='module')
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny config trained as a user would, with the pictures that a run leaves."""
    folder = tmp_path_factory.mktemp('drawn') / 'out'
    ended = cli('train', TINY, '--work-dir', folder, '--cfg-options', PICTURES)
    assert ended.status == 0, ended.err
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_folder(work_dir: Path) -> Path:
    return next(path.parent for path in work_dir.glob('*/vis_data'))


def test_a_training_leaves_pictures_and_results(work_dir: Path) -> None:
    names = {path.name for path in (run_folder(work_dir) / 'pictures').iterdir()}
    assert names == {
        'first_batch.jpg', 'predictions_epoch_1.jpg', 'predictions_epoch_2.jpg', 'curves.png',
        'precision_recall.png', 'f1.png', 'confusion.png',
    }  # fmt: skip
    assert len(load_results(run_folder(work_dir) / 'val_results.pkl', 6, 5)) == 6


@pytest.fixture(scope='module')
def reported(work_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('page') / 'new' / 'page.html'
    ended = shell([CHECKOUT / 'tools/report.py', work_dir, '--out', out])
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[-1] == f'report: {out}'
    return out


def test_the_page_holds_everything_and_asks_for_nothing(reported: Path) -> None:
    text = reported.read_text(encoding='utf-8')
    headings = re.findall('<h2 id=.*?>(.*?)</h2>', text)
    assert headings[:6] == [
        'Results', 'Training', 'Classes', 'Which class is taken for which', 'Errors', 'Calibration',
    ]  # fmt: skip
    assert headings[-1] == 'Annotations to look at again'
    assert page_faults(text) == []
    sources = re.findall(r'(?:src|href)="(.{1,20})', text)
    assert len(sources) > 10
    assert all(source.startswith(('data:', '#')) for source in sources)
    assert 'pascal_voc/mAP' in text
    # two epochs make no model that could question an annotation
    assert list(csv.DictReader((reported.parent / 'suspicious_labels.csv').open())) == []
    assert 'No class is strong enough: ' in text
    facts = dict(re.findall('<th scope="row">(.*?)</th><td>(.*?)</td>', text))
    assert facts['config'].endswith('vis_data/config.py')
    assert re.search(r'epoch_[12]\.pth \(the best validation\)', facts['checkpoint'])
    assert re.search(r'val_results\.pkl, written \d{4}-\d\d-\d\d \d\d:\d\d$', facts['results'])
    assert facts['data set'].endswith('; 6 images, 36 boxes of 5 classes')
    assert re.search('<p class="lead">Finds (none|[0-9]+) of 36 objects', text)


@pytest.mark.skipif(CHROMIUM is None, reason='no chromium or google-chrome on PATH')
def test_a_browser_shows_every_picture(reported: Path, tmp_path: Path) -> None:
    """A script of the test's own counts the pictures that were decoded."""
    script = (
        '<script>onload = () => document.body.setAttribute("data-shown", '
        '[...document.images].filter(i => i.naturalWidth > 0).length)</script></body>'
    )
    page = tmp_path / 'page.html'
    page.write_text(reported.read_text(encoding='utf-8').replace('</body>', script))
    ended = browser(page, tmp_path / 'profile', '--dump-dom')  # after scripts and pictures
    shown = re.search('data-shown="([0-9]+)"', ended.stdout)
    assert shown, ended.stderr[-500:]
    assert int(shown[1]) == reported.read_text(encoding='utf-8').count('<img ')


def test_a_file_of_results_with_its_config(work_dir: Path) -> None:
    shutil.copy(run_folder(work_dir) / 'val_results.pkl', 'mine.pkl')
    ended = cli('report', 'mine.pkl', '--config', TINY)
    assert ended.status == 0, ended.err
    assert '>Training</h2>' not in Path('report.html').read_text(encoding='utf-8')


def test_mistakes(work_dir: Path, tmp_path: Path) -> None:
    def refused(verb: str, *args: object) -> str:
        ended = cli(verb, *args)
        assert ended.status == 2, ended.err
        assert 'Traceback' not in ended.err
        return ended.err

    (tmp_path / 'empty').mkdir()
    shutil.copy(run_folder(work_dir) / 'val_results.pkl', 'mine.pkl')
    assert 'no val_results.pkl or test_results.pkl in it' in refused('report', 'empty')
    Path('stopped').mkdir()
    Path('stopped/own.py').touch()
    Path('stopped/last_checkpoint').write_text('iter_1.pth', 'utf-8')
    how = 'test stopped/own.py stopped/iter_1.pth --work-dir stopped'
    assert how in refused('report', 'stopped')
    Path('own.py').touch()
    assert 'own.py: a work dir or a file of results is expected' in refused('report', 'own.py')
    assert "Did you mean 'mine.pkl'" in refused('report', 'mine.pk')
    assert '--config FILE says it' in refused('report', 'mine.pkl')
    fewer = ('--cfg-options', 'test_dataloader.dataset.num_test=5')
    assert 'images: 5 are expected' in refused('report', 'mine.pkl', '--config', TINY, *fewer)
    assert '--rounds: a number from 1 up' in refused('compare', work_dir, work_dir, '--rounds', 0)
    (tmp_path / 'bare.py').write_text("model = dict(type='FCOS')", encoding='utf-8')
    text = refused('report', 'mine.pkl', '--config', 'bare.py')
    assert 'bare.py: it has no test_dataloader, which mine.pkl is of' in text
    assert 'empty: no training' in refused('analyze_logs', 'empty')
    Path('scalars.json').write_text('', encoding='utf-8')
    assert 'no losses and no mAP' in refused('analyze_logs', 'scalars.json')
    text = refused('analyze_logs', work_dir, '--keys', 'los')
    assert "--keys los: no number of that name in the logs. Did you mean 'loss'" in text


def test_results_are_compared(work_dir: Path) -> None:
    """The second has the ground truth in its place: better in every class that has boxes."""
    from mmlite.config import load_config
    from mmlite.datasets import build_dataset

    dataset = build_dataset(load_config(TINY).test_dataloader.dataset, at='here')
    truths = [dataset.get_ann_info(i) for i in range(len(dataset))]
    perfect = [
        [np.pad(ann['bboxes'][ann['labels'] == c], ((0, 0), (0, 1)), constant_values=1) for c in
         range(1, 6)]
        for ann in truths
    ]  # fmt: skip
    save_results(perfect, 'perfect.pkl')
    ended = cli('compare', work_dir, 'perfect.pkl', '--config', TINY, '--rounds', 100)
    assert ended.status == 0, ended.err
    [mean] = [line for line in ended.out.splitlines() if line.startswith('| mean')]
    assert '1.000' in mean
    assert 'B is better' in mean
    last = ended.out.splitlines()[-1]
    assert last.startswith("pascal_voc/mAP, the metric of A's config: A 0.")
    assert ', B 1.0000, B - A +0.' in last
    assert 'AP at an IoU of 0.5, as the area under the curve:' in ended.out
    text = Path('compare.html').read_text(encoding='utf-8')
    assert page_faults(text) == []
    # the work dir has its own config, with the pictures that the tiny one takes out
    assert re.findall('>([a-z_]+[.][a-z_.]+)</td><td', text)[:2] == [
        'default_hooks.pictures', 'default_hooks.pictures.type',
    ]  # fmt: skip
    assert re.findall('<h2 id=.*?>(.*?)</h2>', text) == [
        'Figures', 'Classes', 'Images', 'Better with B', 'Config',
    ]  # fmt: skip


def test_logs_are_compared(work_dir: Path) -> None:
    ended = shell(
        [CHECKOUT / 'tools/analyze_logs.py', work_dir, '--out', 'new/c.png'], cwd=Path.cwd()
    )
    assert ended.status == 0, ended.err
    assert str(work_dir) in ended.out
    assert Path('new/c.png').stat().st_size > 10_000


def test_a_test_leaves_pictures(work_dir: Path) -> None:
    ended = cli(
        'test', TINY, work_dir / 'epoch_2.pth', '--work-dir', 'w', '--cfg-options', PICTURES
    )
    assert ended.status == 0, ended.err
    names = {path.name for path in next(Path('w').glob('*/pictures')).iterdir()}
    assert names == {'predictions.jpg', 'precision_recall.png', 'f1.png', 'confusion.png'}
    assert cli('report', 'w').status == 0
    text = max(Path('w').glob('*/report.html')).read_text(encoding='utf-8')
    assert f'<th scope="row">checkpoint</th><td>{work_dir / "epoch_2.pth"}</td>' in text
    # figures are printed once: in the table, and the headline in the last line
    assert ended.out.count('pascal_voc/mAP') == 1
    assert 'pascal_voc/AP50' not in ended.out
    assert 'pascal_voc/AP50' in max(Path('w').glob('*/*.log')).read_text(encoding='utf-8')
    assert ended.out.splitlines()[-1].startswith('pascal_voc/mAP')
