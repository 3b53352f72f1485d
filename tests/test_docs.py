"""Every command and every piece of code in the README and the docs works, and says what is true.

Pages are tried in a sandbox, a folder with stand-ins for what a reader has: photos, a data set, an
old checkpoint (`tests/doc_sandbox.py`). In each page, from top to bottom:

- A command is parsed by the tool's own parser, its config is loaded, and the files that it reads
  have to be there. Then it is run, on a little data, unless that takes a download or hours.
- Python that begins with '# NAME.py' is saved as that file. Other Python that only assigns is a
  part of a config: a training runs with it. All other Python is run.
- What `console` blocks show is what the command says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmlite.errors import ConfigError
from tests.doc_blocks import (
    COMMANDS,
    SHOWN,
    Block,
    blocks,
    commands,
    inline_code,
    pages,
    without_comments,
)
from tests.doc_commands import ALL_VERBS, Page, has_flag
from tests.doc_sandbox import make_sandbox, with_stand_ins
from tests.runs import CHECKOUT, TINY, cli, shell
from tests.test_docs_quotes import quotes

CONFIGS = sorted((CHECKOUT / 'configs').glob('[!_]*/*.py'))
PAGES = pages('README.md', 'docs/*.md', 'CONTRIBUTING.md', 'SECURITY.md', 'examples/**/README.md')
FIRST = ('docs/quick_start.md', 'docs/your_dataset.md')  # other pages use what they train
OF_MMDET = ('configs/pascal_voc',)
# a command prints it, a page leaves the number out: it would be wrong after the next change
LINE_OF_CODE = re.compile(r'\b((?:mmlite|lab|mmengine|torch|torchvision)/[\w/]+\.py):\d+')
# each beside the page that it says the same as
TRANSLATED = {'README_zh.md': 'README.md'} | {
    page: page.replace('docs/zh/', 'docs/') for page in pages('docs/zh/*.md')
}


@pytest.fixture(scope='module')
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has read the first pages."""
    folder = tmp_path_factory.mktemp('sandbox')
    make_sandbox(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for page in FIRST:
            try_page(page)
    return folder


@pytest.fixture
def in_sandbox(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sandbox)
    monkeypatch.syspath_prepend(sandbox)


@pytest.mark.parametrize('page', PAGES)
@pytest.mark.usefixtures('in_sandbox')
def test_code_of_a_page(page: str) -> None:
    try_page(page)


def try_page(page: str) -> None:
    quoted = [quote.code for quote in quotes((CHECKOUT / page).read_text('utf-8'))]
    tried = Page()
    for block in blocks(page):
        if block.language in COMMANDS:
            for command in commands(block):
                tried.try_command(command)
        elif block.language == 'python' and block.text not in quoted:
            try_python(block)
        else:
            assert block.language in (*SHOWN, 'console', 'python'), f'{block.place}: {block}'


def try_python(block: Block) -> None:
    text = with_stand_ins(block.text)
    tree = ast.parse(text)
    if block.file:
        Path(block.file).write_text(text, 'utf-8')
    elif not all(isinstance(node, ast.Assign) for node in tree.body):
        exec(compile(tree, block.place, 'exec'), {'__name__': '__main__'})
    elif '_base_ =' in text:
        Path('page.py').write_text(text, 'utf-8')
        ended = cli('doctor', 'page.py', '--demo-data', '--only', 'parts')
        assert ended.status == 0, f'{block.place}: {ended.out}{ended.err}'
    else:
        Path('page.py').write_text(f'_base_ = {str(TINY)!r}\n{text}', 'utf-8')
        ended = cli('train', 'page.py', '--work-dir', 'page')
        assert ended.status == 0, f'{block.place}: {ended.err}'


@pytest.mark.parametrize(
    'line',
    [
        'python tools/train.py CONFIG --no-such-flag',
        'python tools/train.py configs/ssd/ssd_dmo.py',
        'python tools/train.py CONFIG --cfg-options model.bbox_head.num_clases=3',
        'python tools/test.py CONFIG work_dirs/ssd_demo/epoch_15.pth',  # it ends after 14
        'python tools/predict.py CHECKPOINT holiday/',
        'python -m mmlite trian CONFIG',
        'tools/dist_train.sh NEW 8',
        'make coffee',
        "pip install 'mmlite[coffee]'",
        'coffee --strong',
    ],
)
@pytest.mark.usefixtures('in_sandbox')
def test_a_wrong_command_is_noticed(line: str) -> None:
    (command,) = commands(Block('a page', 1, '', line))
    with pytest.raises((AssertionError, pytest.fail.Exception, ConfigError)):
        Page().try_command(command)


@pytest.mark.parametrize('page', PAGES)
def test_output_that_a_page_shows(page: str) -> None:
    said: Iterator[str] = iter(())
    for block in blocks(page):
        if block.language != 'console':
            continue
        for line in block.text.splitlines():
            if line.startswith('$ '):
                command = next(commands(block._replace(text=line[2:])))
                ended = shell(command.words[1:])
                said = map(comparable, [*ended.out.splitlines(), *ended.err.splitlines()])
            elif line:  # some may be left out; the search goes on behind the one that is found
                assert comparable(line) in said, f'{block.place}: the output has no\n{line}'


def comparable(line: str) -> str:
    """A line of output without what differs from machine to machine, and without its padding."""
    line = LINE_OF_CODE.sub(r'\1', line)
    line = re.sub(r'-?[\d.]+(e-\d+)? \.\. -?[\d.]+(e-\d+)?|-?\d+\.\d+', '#', line)
    return re.sub(r' +', ' ', re.sub(r'-+\+', '-+', line)).strip()


def test_what_counts_in_output() -> None:
    printed = comparable('| img | 8 x 3 | 0.5 .. 2e-05 | f  mmlite/a.py:12 |')
    assert printed == comparable('| img   | 8 x 3 | 1 .. 3  | f  mmlite/a.py |')
    assert printed != comparable('| img | 8 x 4 | 0.5 .. 2e-05 | f  mmlite/a.py |')
    assert comparable('asked for by a.py:3') != comparable('asked for by a.py:4')


@pytest.mark.parametrize('page', [*PAGES, *TRANSLATED])
def test_no_page_quotes_a_line_of_the_code(page: str) -> None:
    quoted = LINE_OF_CODE.search((CHECKOUT / page).read_text('utf-8'))
    assert not quoted, f'{page}: {quoted[0]}: name the function; lines move'


def test_the_way_of_one_batch_has_every_hop() -> None:
    text = (CHECKOUT / 'docs/one_batch.md').read_text('utf-8')
    hops = re.findall(r'^--- (\d+)', text, re.MULTILINE)
    assert list(dict.fromkeys(hops)) == [str(number) for number in range(1, 16)]


@pytest.mark.parametrize('page', [*PAGES, *TRANSLATED])
def test_what_a_page_names_is_there(page: str) -> None:
    for code in inline_code(page):
        words = code.split()
        program = re.match(r'(?:python )?tools/([a-z]\w*)\.py|python -m mmlite ([a-z]\w*)', code)
        verb = program and (program[1] or program[2])
        assert verb is None or verb in ALL_VERBS, f'{page}: `{code}`'
        for word in words:
            if re.match(r'--[a-z]', word) and (verb or words[0] == word):
                flag = re.match(r'--[a-z-]+', word)[0]
                assert has_flag(flag, verb), f'{page}: no {flag} in `{code}`'
            if re.match(r'(configs|mmlite|tests|docs|tools|examples)/[\w./*-]+$', word):
                found = re.search(r'NAME|\.\.\.', word) or list(CHECKOUT.glob(word.rstrip('/')))
                assert found or word in OF_MMDET, f'{page}: `{word}` is not there'


@pytest.mark.parametrize(('page', 'original'), TRANSLATED.items())
def test_a_translation_has_the_same_code(page: str, original: str) -> None:
    mine, others = blocks(page), blocks(original)
    for block, other in zip(mine, others, strict=True):
        assert block.language == other.language, f'{block.place}, {other.place}'
        assert without_comments(block) == without_comments(other), f'{block.place}, {other.place}'


def test_every_page_can_be_found() -> None:
    navigation = (CHECKOUT / 'mkdocs.yml').read_text('utf-8')
    missing = [
        page for page in pages('docs/**/*.md') if page.removeprefix('docs/') not in navigation
    ]
    assert not missing


@pytest.mark.parametrize(
    'folder',
    [
        *('ssd', 'retinanet', 'fcos', 'atss', 'gfl', 'tood', 'vfnet', 'rtmdet', 'yolox'),
        *('faster_rcnn', 'cascade_rcnn'),
    ],
)
def test_costs_in_the_model_zoo(folder: str) -> None:
    zoo = (CHECKOUT / 'docs/model_zoo.md').read_text('utf-8')
    ended = cli('model_info', *(path for path in CONFIGS if path.parent.name == folder))
    rows = [line for line in ended.out.splitlines() if line.startswith('| ')][1:]
    assert rows and all(row in zoo for row in rows)
