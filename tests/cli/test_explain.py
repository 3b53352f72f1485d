"""`explain.py` as a user runs it: every hop of a batch with its place, and the origin of a key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.runs import CHECKOUT, CHROMIUM, TINY, Ended, browser, cli, shell

# the rows of the way of one batch; 3 and 4 stand for the steps of this pipeline
ROWS = ['1', '2', '3.1', '3.2', '3.3', '3.4', '4.5', '5', '6', '7.1', '7.2', '7.3', '8', '9', '10']
ROWS += ['11', '12', '13', '14', '15']
FEW = [
    *('train_dataloader.batch_size=2', 'test_dataloader.batch_size=2'),
    *('+train_dataloader.dataset.num_train=12', '+train_dataloader.dataset.num_test=6'),
    *('+test_dataloader.dataset.num_train=12', '+test_dataloader.dataset.num_test=6'),
]


@pytest.fixture(scope='module', params=['ssd', 'retinanet', 'fcos'])
def explained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Ended, Path]:
    """How the command ended on a demo config, and its page."""
    config = CHECKOUT / f'configs/{request.param}/{request.param}_demo.py'
    page = tmp_path_factory.mktemp('explain') / 'deep' / 'page.html'
    return cli('explain', config, '--html', page, '--cfg-options', *FEW), page


def test_every_hop_appears_with_file_and_line(explained: tuple[Ended, Path]) -> None:
    ended, _ = explained
    assert ended.status == 0, ended.err
    hops = re.split(r'^--- ', ended.out, flags=re.MULTILINE)[1:]
    assert [hop.split()[0] for hop in hops] == ROWS
    for hop in hops:
        assert re.search(r'mmlite/\S+\.py:\d+', hop), hop


def test_the_lines_are_those_of_the_code(explained: tuple[Ended, Path]) -> None:
    places = set(re.findall(r'(mmlite/\S+\.py):(\d+)', explained[0].out))
    assert len(places) > 25
    for file, line in places:
        text = (CHECKOUT / file).read_text('utf-8').splitlines()[int(line) - 1]
        assert text.lstrip().startswith(('def ', 'class ')), f'{file}:{line}: {text}'


def test_a_sampler_without_an_end() -> None:
    sampler = "train_dataloader.sampler=dict(type='InfiniteSampler', shuffle=True)"
    ended = cli('explain', TINY, '--cfg-options', sampler)
    assert ended.status == 0, ended.err
    assert '--- 15  The metric' in ended.out


def test_parts_that_do_not_fit_are_refused_as_in_training() -> None:
    ended = cli('explain', TINY, '--cfg-options', 'model.bbox_head.in_channels=(7,7,7)')
    assert ended.status == 2
    assert 'in_channels' in ended.err and 'Traceback' not in ended.err


def test_what_the_hops_say(explained: tuple[Ended, Path]) -> None:
    hops = dict(re.findall(r'^--- (\S+) (.*?)(?=^--- |\Z)', explained[0].out, re.M | re.S))
    assert re.search(r'img .*240 x 320 x 3 .*uint8 .*HWC .*BGR', hops['3.1'])
    assert re.search(r'img .*2 x 3 x 240 x 320 .*uint8 .*NCHW, DataContainer', hops['5'])
    assert re.search(r'img .*2 x 3 x 240 x 320 .*float32 .*NCHW .*BGR', hops['6'])
    assert 'img: uint8 -> float32' in hops['6']
    assert re.search(r'img .*NCHW .*RGB .*-\d', hops['7.1'])
    assert hops['7.3'].count('| level ') == 4
    assert re.search(r'loss_bbox +\| \d+\.\d{4} +\| ', hops['11'])
    assert 'img differs by 0 at most' in hops['4.5']  # no step of these draws beyond the picture
    assert 'pascal_voc/mAP' in hops['15']


def test_the_positives_of_levels_and_boxes_agree(explained: tuple[Ended, Path]) -> None:
    targets = re.search(r'^--- 10 .*?(?=^--- )', explained[0].out, re.M | re.S).group()
    rows = [[c.strip() for c in row.strip('|').split('|')] for row in targets.splitlines()]
    levels = [row for row in rows if len(row) == 5 and row[0].isdigit()]
    boxes = [row for row in rows if len(row) == 9 and row[0].isdigit()]
    positive = [int(row[2]) for row in levels]
    assert len(levels) == 4 and boxes and sum(positive) > 0
    assert [sum(int(row[5 + level]) for row in boxes) for level in range(4)] == positive
    assert sum(int(row[4]) for row in boxes) == sum(positive)


def test_the_page_lies_in_one_file(explained: tuple[Ended, Path]) -> None:
    page = explained[1].read_text('utf-8')
    assert page.count('<section>') == len(ROWS)
    assert page.count('src="data:image/jpeg;base64,') >= 15
    assert not re.search(r'(src|href)="(?!data:|#)', page)


@pytest.mark.skipif(not CHROMIUM, reason='chromium is not installed')
def test_a_browser_has_nothing_to_complain_of(
    explained: tuple[Ended, Path], tmp_path: Path
) -> None:
    picture = f'--screenshot={tmp_path / "page.png"}'
    ended = browser(explained[1], tmp_path, '--enable-logging=stderr', picture)
    assert (tmp_path / 'page.png').is_file(), ended.stderr
    assert 'CONSOLE' not in ended.stderr


def test_where_a_key_comes_from() -> None:
    ended = cli(
        *('explain', CHECKOUT / 'configs/ssd/ssd_demo.py', '--cfg-options'),
        *('model.bbox_head.num_classes=3', '--key', 'model.bbox_head.num_classes'),
    )
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == 'model.bbox_head.num_classes = 3'
    assert re.fullmatch(r' +configs/_base_/models/ssd_r18.py:\d+: 20  overridden', lines[1])
    assert re.fullmatch(r' +configs/ssd/ssd_demo.py:7: 5  overridden', lines[2])
    assert lines[3] == '    --cfg-options: model.bbox_head.num_classes=3  in effect'
    assert 'read by SSDHead  mmlite/models/heads/ssd_head.py:' in lines[4]


def test_a_key_that_a_flag_sets_and_one_that_nothing_sets() -> None:
    ended = cli(
        *('explain', TINY, '--max-bad', '0.5', '--key'),
        *('train_dataloader.dataset.max_bad', 'model.bbox_head.stacked_convs', 'work_dir'),
    )
    assert ended.status == 0, ended.err
    assert 'train_dataloader.dataset.max_bad = 0.5\n    --max-bad: 0.5  in effect' in ended.out
    assert 'model.bbox_head.stacked_convs is not set: 0, the default of SSDHead' in ended.out
    assert "--work-dir is not given: 'work_dirs/tiny_ssd'  in effect" in ended.out


def test_keys_that_nothing_reads_are_listed(tmp_path: Path) -> None:
    config = tmp_path / 'misspelt.py'
    config.write_text(f"_base_ = '{TINY}'\nunused = dict(accumulative_counts=4)\n")
    ended = cli('explain', config, '--key', 'log_level')
    assert ended.status == 0, ended.err
    listed = ended.out.partition('keys that nothing reads')[2]
    assert re.search(r'unused .*no section of a config', listed)


def test_an_unknown_key_is_a_mistake() -> None:
    ended = cli('explain', TINY, '--key', 'model.bbox_head.num_clases')
    assert ended.status == 2
    assert "no 'model.bbox_head.num_clases'. Did you mean 'num_classes'" in ended.err
    assert 'Traceback' not in ended.err


def test_a_checkpoint_gives_the_weights(trained: tuple[Ended, Path]) -> None:
    checkpoint = trained[1] / 'epoch_2.pth'
    weights = [
        re.findall(r'\| loss +\| (\d+\.\d+)', cli('explain', TINY, *given).out)
        for given in ((), ('--checkpoint', checkpoint))
    ]
    assert len(weights[0]) == len(weights[1]) == 1
    assert float(weights[1][0]) < float(weights[0][0])  # it has been trained on these images


def test_nothing_is_written_by_the_tool_itself(tmp_path: Path) -> None:
    ended = shell([CHECKOUT / 'tools/explain.py', TINY], cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert ended.err == ''
    assert not list(tmp_path.iterdir())
