from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
import torch

from mmlite.cli.ending import without_worker_traceback
from mmlite.evaluation import load_results
from tests.cli.conftest import first_image
from tests.runs import CHECKOUT, TINY, Ended, cli, scalars, shell

VOC = CHECKOUT / 'tests' / 'tiny_voc.py'
AS_TRAINED = 'test_dataloader.dataset.classes=[triangle,square,cross,ring,hourglass]'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope='module')
def tested(trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """How `tools/test.py` ended, and the folder with all that it can write."""
    folder = tmp_path_factory.mktemp('tested')
    ended = shell(
        [
            *(CHECKOUT / 'tools/test.py', TINY, trained[1] / 'epoch_2.pth', '--work-dir', 'w'),
            *('--out', 'out/results.pkl', '--out-json', 'out/metrics.json', '--show-dir', 'shown'),
        ],
        cwd=folder,
    )
    return ended, folder


def last_map(work_dir: Path) -> float:
    return [line['pascal_voc/mAP'] for line in scalars(work_dir) if 'pascal_voc/mAP' in line][-1]


def test_the_last_line_holds_the_map_of_the_last_validation(trained, tested) -> None:
    ended, _ = tested
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[-1] == f'pascal_voc/mAP: {last_map(trained[1]):.4f}'
    assert last_map(trained[1]) > 0  # two epochs learn next to nothing, but not nothing


def test_in_half_precision_little_changes(trained, tested) -> None:
    half = cli('test', TINY, trained[1] / 'epoch_2.pth', '--amp')
    assert half.status == 0, half.err
    figures = [float(ended.out.split()[-1]) for ended in (half, tested[0])]
    assert figures[0] == pytest.approx(figures[1], abs=0.02)
    assert table_rows(half.out) != table_rows(tested[0].out)


def table_rows(out: str) -> str:
    return '\n'.join(line for line in out.splitlines() if line.startswith('| '))


def test_results_and_metrics_in_files(trained, tested) -> None:
    _, folder = tested
    results = pickle.loads((folder / 'out/results.pkl').read_bytes())
    assert len(results) == 6
    assert {len(image) for image in results} == {5}
    assert {rows.shape[1:] for image in results for rows in image} == {(5,)}
    metrics = json.loads((folder / 'out/metrics.json').read_text())
    assert metrics['pascal_voc/mAP'] == pytest.approx(last_map(trained[1]), abs=1e-6)


def test_soft_nms_adds_what_hard_nms_drops(trained, tmp_path: Path) -> None:
    found = {}
    for rule in ('nms', 'soft_nms'):
        out = tmp_path / f'{rule}.pkl'
        options = (f'model.test_cfg.nms.type={rule}', 'model.test_cfg.max_per_img=-1')
        ended = cli(
            *('test', TINY, trained[1] / 'epoch_2.pth', '--work-dir', tmp_path),
            *('--out', out, '--cfg-options', *options),
        )
        assert ended.status == 0, ended.err
        found[rule] = [rows[:, 4] for image in load_results(out, 6, 5) for rows in image]
    # the best of a class keeps its score, and boxes near it lose only some of theirs
    best = [[max(scores, default=0) for scores in found[rule]] for rule in found]
    assert best[0] == best[1] and any(best[0])
    counts = [sum(map(len, found[rule])) for rule in found]
    assert counts[0] < counts[1]


def test_pictures(tested) -> None:
    pictures = sorted(path.name for path in (tested[1] / 'shown').iterdir())
    assert len(pictures) == 7
    assert pictures[-1] == 'sheet.jpg'


def test_evaluation_without_a_model_gives_the_same_figure(tested) -> None:
    ended, folder = tested
    again = shell(
        ['-m', 'mmlite', 'eval_results', TINY, folder / 'out/results.pkl', '--out-json', 'm.json'],
        cwd=folder,
        PYTHONPATH=str(CHECKOUT),
    )
    assert again.status == 0, again.err
    assert again.out.splitlines()[-1] == ended.out.splitlines()[-1]
    written, expected = (
        json.loads((folder / name).read_text()) for name in ('m.json', 'out/metrics.json')
    )
    assert written == pytest.approx(expected)
    same = cli('test', TINY, '--results', folder / 'out/results.pkl', '--show-dir', 'drawn')
    assert same.status == 0, same.err
    assert same.out.splitlines()[-1] == ended.out.splitlines()[-1]
    assert len([*Path('drawn').glob('*.jpg')]) == 7  # six and the sheet


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['x.pth', '--results', 'r.pkl'], 'either a checkpoint or --results is expected'),
        (['--results', 'r.pkl', '--out', 's.pkl'], '--out needs a checkpoint'),
        (['--results', 'r.pkl', '--checkpoint-layout', '1.x'], '--checkpoint-layout needs a check'),
        (['--results', 'r.pkl'], 'r.pkl: no such results file'),
        ([], 'the following arguments are required: CHECKPOINT'),
    ],
)
def test_results_or_a_checkpoint(words: list[str], message: str) -> None:
    ended = cli('test', TINY, *words)
    assert ended.status == 2
    assert message in ended.err


def test_results_need_a_test_set() -> None:
    Path('c.py').write_text('val_cfg = None\n', encoding='utf-8')
    ended = cli('eval_results', 'c.py', 'r.pkl')
    assert ended.status == 2
    assert "c.py: it has no 'test_dataloader', which results need" in ended.err


def test_the_averaged_weights_of_ema_are_what_is_tested(trained) -> None:
    ema = ['--cfg-options', "custom_hooks=[dict(type='EMAHook', momentum=0.1)]"]
    assert cli('train', TINY, '--work-dir', 'w', *ema).status == 0
    checkpoint = torch.load('w/epoch_2.pth', weights_only=True)
    key = 'bbox_head.cls_convs.0.0.weight'
    assert not torch.equal(
        checkpoint['state_dict'][key], checkpoint['ema_state_dict'][f'module.{key}']
    )
    for options in (ema, []):  # with the hook and without it
        ended = cli('test', TINY, 'w/epoch_2.pth', '--work-dir', 't', *options)
        assert ended.out.splitlines()[-1] == f'pascal_voc/mAP: {last_map(Path("w")):.4f}'
    plain = weights_of(trained[1] / 'epoch_2.pth')[key]
    assert torch.allclose(checkpoint['ema_state_dict'][f'module.{key}'], plain)


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)['state_dict']


# ---- the user's mistakes ------------------------------------------------------------------------


def refused(*args: object, config: Path = TINY) -> str:
    ended = cli('test', config, *args, '--work-dir', 'never')
    assert ended.status == 2
    assert 'Traceback' not in ended.err
    return ended.err


def test_a_checkpoint_that_is_not_there(trained) -> None:
    text = refused(trained[1] / 'epoch_3.pth')
    assert re.match(r"test: checkpoint .*epoch_3\.pth: no such file\. Did you mean 'epoch_", text)
    assert not Path('never').exists()


def test_the_classes_must_be_those_of_the_training(trained) -> None:
    text = refused(trained[1] / 'epoch_2.pth', '--cfg-options', AS_TRAINED)
    assert "was trained in another order: trained ['square', 'triangle', " in text
    assert "tested ['triangle', 'square', " in text


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('--out', 'results.json'), "results.json: a results file ends in '.pkl' or '.pickle'"),
        (('--eval', 'mAp'), "--eval: 'mAP' (VOC) and 'bbox' (COCO) are known, found 'mAp'"),
        (
            (
                '--cfg-options',
                "test_dataloader.dataset.pipeline=[dict(type='Normalize', mean=[0,0,0], "
                'std=[1,1,1])]',
            ),
            'images are normalised twice',
        ),
    ],
)
def test_mistakes(trained, args: tuple[str, ...], message: str) -> None:
    assert message in refused(trained[1] / 'epoch_2.pth', *args)
    assert not Path('never').exists()


def test_metric_names_of_2x_and_the_config_of_a_resumed_run_are_taken(trained) -> None:
    resumed = ('--cfg-options', 'resume=true')
    ended = cli('test', TINY, trained[1] / 'epoch_2.pth', '--eval', 'mAP', *resumed)
    assert ended.status == 0, ended.err


# ---- damaged images -----------------------------------------------------------------------------


@pytest.mark.parametrize('workers', [0, 1])
def test_a_damaged_image_stops_a_test(trained, damaged: Path, workers: int) -> None:
    text = refused(
        *(trained[1] / 'epoch_2.pth', '--data-root', damaged, '--cfg-options'),
        f'test_dataloader.num_workers={workers}',
        config=VOC,
    )
    image = first_image(damaged, 'test')
    assert text.startswith(f'test: {image}: the JPEG file is cut off after')
    assert len(text.splitlines()) == 1
    assert 'worker' not in text


def test_unless_it_may_be_skipped(trained, damaged: Path) -> None:
    ended = cli(
        *('test', VOC, trained[1] / 'epoch_2.pth', '--data-root', damaged, '--work-dir', 'w'),
        *('--skip-bad-images', '--out', 'r.pkl'),
        *('--cfg-options', '+test_dataloader.dataset.max_bad=0.2'),
    )
    assert ended.status == 0, ended.err
    assert f'Skipped: {first_image(damaged, "test")}' in ended.out
    assert 'metrics cover 5 of 6 images: left out as bad' in ended.out
    assert 'pascal_voc/skipped_images: 1.0000' in ended.out
    assert len(pickle.loads(Path('r.pkl').read_bytes())) == 6  # it counts with all the others


def test_skipping_reaches_data_sets_that_draw_themselves() -> None:
    from mmlite.cli.common import config_from
    from mmlite.cli.test import build_parser

    cfg = config_from(build_parser().parse_args([str(TINY), 'x.pth', '--skip-bad-images']))
    assert cfg.test_dataloader.dataset.skip_bad_images is True


def test_the_traceback_of_a_worker_is_cut_off() -> None:
    arrived = (
        'Caught ImageError in DataLoader worker process 0.\nOriginal Traceback (most recent call '
        'last):\n  File "x.py", line 3, in f\nmmlite.datasets.transforms.loading.ImageError: '
        'a.jpg: broken\n'
    )
    assert without_worker_traceback(arrived) == 'a.jpg: broken'
    assert without_worker_traceback('a.jpg: broken') == 'a.jpg: broken'
