"""Mistakes of the first hour, made for real: the page docs/first_hour.md is what they print.

python -m tests.first_hour      # writes docs/first_hour.md
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from mmlite.datasets.demo import draw_demo_set
from tests.runs import CHECKOUT, TINY, Ended, cli

PAGE = CHECKOUT / 'docs' / 'first_hour.md'
_STAMP = re.compile(r'^\d\d/\d\d \d\d:\d\d:\d\d - mmengine - ')
_MOST_LINES = 6  # of an answer on the page
_HEAD = """# Mistakes of the first hour

What goes wrong first with your own pictures, and what each command says about it. Every message
names what was found and what to write; none has a traceback, and no mistake passes without a
message. The commands were run for this page (`python -m tests.first_hour` writes it, and a test
compares it): `pets.py` is a config like that of [Your own data set](your_dataset.md), for cats and
dogs in `data/pets`, with a finished training in `work_dirs/pets`. The exit status is 2 after a
mistake and 1 where a run had to stop; where it is 0, the page says so.

The most common of them in one command, before a training: `python tools/doctor.py CONFIG`.
"""

_CONFIG = """_base_ = {base!r}
classes = ('cat', 'dog')
data = dict(
    _delete_=True,
    type='VOCDataset',
    data_root='data/pets',
    metainfo=dict(classes=classes),
)
resize = dict(type='Resize', scale=(96, 96), keep_ratio=False)
train_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Main/trainval.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            resize,
            dict(type='PackDetInputs'),
        ],
        **data,
    )
)
val_dataloader = dict(
    dataset=dict(
        ann_file='ImageSets/Main/test.txt',
        test_mode=True,
        pipeline=[dict(type='LoadImageFromFile'), resize, dict(type='PackDetInputs')],
        **data,
    )
)
test_dataloader = val_dataloader
model = dict(bbox_head=dict(num_classes=2))
train_cfg = dict(max_epochs=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=2),
    dict(type='CosineAnnealingLR', begin=0, end=1, T_max=1, convert_to_iter_based=True),
]
"""


def prepare(folder: Path) -> None:
    """Makes what the mistakes are made with: a config, its data, and its finished training."""
    (folder / 'pets.py').write_text(_CONFIG.format(base=str(TINY)))
    pets = draw_demo_set(folder / 'data/pets', ('cat', 'dog'), 8, 4, (112, 96), seed=0)
    bare = folder / 'data/bare'  # no lists, other names of the folders
    shutil.copytree(pets / 'JPEGImages', bare / 'images')
    shutil.copytree(pets / 'Annotations', bare / 'annotations')
    with working_in(folder):
        ended = cli('train', 'pets.py')
    assert ended.status == 0, ended.err


class Mistake(NamedTuple):
    """One mistake, and the command line that shows it.

    Args:
        title: in words.
        command: after `python tools/`; run in a folder of its own, a copy of what `prepare` made.
        change: makes the mistake in that folder, where it is not in the command.
        note: what to say about the answer.
        status: of the command.
    """

    title: str
    command: str
    change: Callable[[Path], None] = lambda folder: None
    note: str = ''
    status: int = 2


def edited(name: str, *pairs: tuple[str, str]) -> Callable[[Path], None]:
    """Returns a change of a text file of the folder."""

    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        (folder / name).write_text(text)

    return change


def written(name: str, text: str) -> Callable[[Path], None]:
    """Returns a change that writes a file into the folder."""

    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    return change


def first_image(folder: Path) -> Path:
    stem = (folder / 'data/pets/ImageSets/Main/trainval.txt').read_text().split()[0]
    return folder / f'data/pets/JPEGImages/{stem}.jpg'


def images_gone(folder: Path) -> None:
    shutil.rmtree(folder / 'data/pets/JPEGImages')
    (folder / 'data/pets/JPEGImages').mkdir()


def one_image_gone(folder: Path) -> None:
    first_image(folder).unlink()


def image_cut_off(folder: Path) -> None:
    image = first_image(folder)
    image.write_bytes(image.read_bytes()[:-200])


def images_halved(folder: Path) -> None:
    for image in (folder / 'data/pets/JPEGImages').iterdir():
        cv2.imwrite(str(image), cv2.resize(cv2.imread(str(image)), (56, 48)))


def yolo_in_percent(folder: Path) -> None:
    for part in ('images', 'labels'):
        (folder / f'data/yolo/{part}').mkdir(parents=True)
    for i in range(4):
        cv2.imwrite(str(folder / f'data/yolo/images/{i}.jpg'), np.full((96, 112, 3), 9, np.uint8))
        (folder / f'data/yolo/labels/{i}.txt').write_text('0 50 50 20 20\n')
    (folder / 'data/yolo/classes.txt').write_text('cat\ndog\n')
    (folder / 'yolo.py').write_text(
        "_base_ = 'pets.py'\n"
        "yolo = dict(type='YoloDataset', data_root='data/yolo', ann_file='',"
        " data_prefix=dict(img='images'))\n"
        'train_dataloader = dict(dataset=yolo)\n'
        'val_dataloader = dict(dataset=yolo)\n'
        'test_dataloader = dict(dataset=yolo)\n'
    )


def a_wider_network(folder: Path) -> None:
    wide = "_base_ = 'pets.py'\nmodel = dict(\n    backbone=dict(base_channels=16),\n"
    wide += '    neck=dict(in_channels=(32, 64), out_channels=(32, 64, 32)),\n'
    (folder / 'wider.py').write_text(wide + '    bbox_head=dict(in_channels=(32, 64, 32)),\n)\n')


def images_as_png(folder: Path) -> None:
    for image in (folder / 'data/pets/JPEGImages').iterdir():
        cv2.imwrite(str(image.with_suffix('.png')), cv2.imread(str(image)))
        image.unlink()


def boxes_gone(folder: Path) -> None:
    for file in (folder / 'data/pets/Annotations').iterdir():
        file.write_text(re.sub(r'<object>.*</object>', '', file.read_text(), flags=re.DOTALL))


def a_folder_named(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).mkdir()


OPTIONS = 'train.py pets.py --cfg-options'
TRAIN, VAL = (f'{name}_dataloader.dataset.metainfo.classes' for name in ('train', 'val'))
CHECKPOINT = 'work_dirs/pets/epoch_1.pth'
OLD = "model = dict(type='SSD')\ndata = dict(samples_per_gpu=8, train=dict(type='CocoDataset'))\n"
DATA_ONLY = "train_dataloader = dict(dataset=dict(type='VOCDataset', data_root='data/pets'))\n"

# the parts of the page, and the mistakes in each
MISTAKES: dict[str, tuple[Mistake, ...]] = {
    'The data': (
        Mistake('The folder does not exist', 'train.py pets.py --data-root data/pest'),
        Mistake('The folder is one level too high', 'train.py pets.py --data-root data'),
        Mistake(
            'The folder is one level too deep', 'train.py pets.py --data-root data/pets/JPEGImages'
        ),
        Mistake('A folder without lists', 'train.py pets.py --data-root data/bare'),
        Mistake(
            'The command is run in another folder',
            'train.py ../pets.py',
            a_folder_named('notes'),
        ),
        Mistake('A list that does not exist', f'{OPTIONS} val_dataloader.dataset.ann_file=val.txt'),
        Mistake('The images are missing', 'train.py pets.py', images_gone),
        Mistake('One image is missing', 'train.py pets.py', one_image_gone),
        Mistake(
            'An image is cut off',
            'train.py pets.py',
            image_cut_off,
            'The log has the reason before that: `the JPEG file is cut off after ...`.',
            status=1,
        ),
        Mistake(
            'The images are PNG files, and the config says nothing about it',
            'train.py pets.py',
            images_as_png,
            'This is no mistake: the ending of an image is found.',
            status=0,
        ),
        Mistake(
            'The annotations are for images of another size',
            'train.py pets.py',
            images_halved,
            '`tools/browse_dataset.py` shows whether the boxes are on their objects.',
            status=0,
        ),
        Mistake('YOLO boxes in percent', 'train.py yolo.py', yolo_in_percent),
        Mistake('Annotations without boxes', 'train.py pets.py', boxes_gone),
    ),
    'The classes': (
        Mistake('A class is misspelt', f'{OPTIONS} {TRAIN}=cat,dgo {VAL}=cat,dgo', status=0),
        Mistake('A class in capitals', f'{OPTIONS} {TRAIN}=Cat,dog'),
        Mistake('Classes of another data set', f'{OPTIONS} {TRAIN}=car,bus'),
        Mistake('Two orders of the classes', f'{OPTIONS} {VAL}=dog,cat'),
        Mistake('One class without the comma', f'{OPTIONS} {TRAIN}=cat'),
        Mistake('`num_classes` is that of the base', f'{OPTIONS} model.bbox_head.num_classes=20'),
        Mistake('`num_classes` counts the background', f'{OPTIONS} model.bbox_head.num_classes=3'),
        Mistake(
            'The background is a class',
            f'{OPTIONS} {TRAIN}=background,cat,dog {VAL}=background,cat,dog '
            'model.bbox_head.num_classes=3',
            status=0,
        ),
    ),
    'The config and the command': (
        Mistake('The path of the config is wrong', 'train.py pest.py'),
        Mistake('A folder in the place of a config', 'train.py data'),
        Mistake(
            'A config of only the data', 'train.py data_only.py', written('data_only.py', DATA_ONLY)
        ),
        Mistake('A config of mmdet 2.x', 'train.py old.py', written('old.py', OLD)),
        Mistake('A key is misspelt', f'{OPTIONS} optim_wrapper.optimizer.lrr=0.1'),
        Mistake('A section is misspelt on the command line', f'{OPTIONS} train_cgf.max_epochs=3'),
        Mistake(
            'A section is misspelt in a file',
            'test.py misspelt.py ' + CHECKPOINT,
            written('misspelt.py', "_base_ = 'pets.py'\noptim_wraper = dict(lr=0.1)\n"),
        ),
        Mistake('A type is misspelt', f'{OPTIONS} model.bbox_head.type=SSDHaed'),
        Mistake('A list with a space, without quotes', f'{OPTIONS} {TRAIN}=cat, dog'),
        Mistake('An option without `=`', f'{OPTIONS} train_cfg.max_epochs 3'),
        Mistake('A flag that does not exist', 'train.py pets.py --lr 0.01'),
        Mistake('A GPU on a machine without one', 'train.py pets.py --gpu-ids 0'),
        Mistake('A module that is not installed', f'{OPTIONS} custom_imports.imports=my_head'),
    ),
    'The training': (
        Mistake(
            'Only `max_epochs` is changed',
            f'{OPTIONS} train_cfg.max_epochs=3',
            note='This is no mistake any more: the schedules go along.',
            status=0,
        ),
        Mistake(
            'A schedule of another length',
            'train.py pets.py',
            edited('pets.py', ('max_epochs=1', 'max_epochs=24')),
        ),
        Mistake(
            'A warm-up longer than the training', f'{OPTIONS} param_scheduler.0.end=500', status=0
        ),
        Mistake(
            'A learning rate 100 times too high',
            f'{OPTIONS} optim_wrapper.optimizer.lr=1.0',
            status=0,
        ),
        Mistake(
            'A learning rate that gives NaN',
            f'{OPTIONS} optim_wrapper.optimizer.lr=1e30 param_scheduler=[]',
            status=1,
        ),
        Mistake(
            'A batch larger than the data set',
            f'{OPTIONS} train_dataloader.batch_size=64 param_scheduler=[]',
            status=0,
        ),
        Mistake(
            'The same with `drop_last`',
            f'{OPTIONS} train_dataloader.batch_size=64 train_dataloader.drop_last=True',
        ),
        Mistake('A finished training is resumed', 'train.py pets.py --resume', status=0),
        Mistake(
            'Nothing to resume', 'train.py pets.py --resume --work-dir work_dirs/new', status=0
        ),
        Mistake(
            'Resumed from a file that does not exist',
            'train.py pets.py --resume work_dirs/pets/epoch_9.pth',
        ),
        Mistake(
            'Resumed with the classes in another order',
            f'{OPTIONS} {TRAIN}=dog,cat {VAL}=dog,cat --resume',
        ),
        Mistake(
            'Started from weights of another order of the classes',
            f'{OPTIONS} {TRAIN}=dog,cat {VAL}=dog,cat load_from={CHECKPOINT}',
            status=0,
        ),
    ),
    'Afterwards': (
        Mistake('A test without a checkpoint', 'test.py pets.py'),
        Mistake('A checkpoint that does not exist', 'test.py pets.py work_dirs/pets/epoch_5.pth'),
        Mistake('A folder in the place of a checkpoint', 'test.py pets.py work_dirs/pets'),
        Mistake(
            'A checkpoint of another config', f'test.py wider.py {CHECKPOINT}', a_wider_network
        ),
        Mistake('A config in the place of a checkpoint', 'predict.py pets.py data/pets/JPEGImages'),
        Mistake(
            'An empty folder', f'predict.py {CHECKPOINT} data/empty', a_folder_named('data/empty')
        ),
        Mistake('A report of a folder without results', 'report.py data/pets'),
        Mistake('An export at another size', f'export_onnx.py pets.py {CHECKPOINT} --size 33 33'),
    ),
}


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def make(mistake: Mistake, prepared: Path, folder: Path) -> Ended:
    """Makes a mistake in a copy of what `prepare` made."""
    shutil.copytree(prepared, folder)
    mistake.change(folder)
    tool, *words = shlex.split(mistake.command)
    with working_in(folder / 'notes' if (folder / 'notes').is_dir() else folder):
        return cli(tool.removesuffix('.py'), *words)


def answer(ended: Ended, folder: Path) -> str:
    """What a command says about a mistake: its message, or the warnings of a run that goes on."""
    lines = ended.err.splitlines()
    if ended.status == 0:
        logged = [_STAMP.sub('', line) for line in ended.out.splitlines()]
        lines = [line for line in logged if line.startswith('WARNING') or 'Stretched' in line]
    elif lines[0].startswith('usage: '):
        lines = [line for line in lines if ': error: ' in line]
    elif len(lines) > _MOST_LINES:  # a table
        lines = [lines[0], '...', lines[-1]]
    text = '\n'.join(line for line in lines if not line.startswith('To try it now'))
    text = re.sub(r'Known: [^.]*\.', 'Known: ...', text)  # plugins add to it
    return text.replace(str(folder), '/path/to').replace(str(CHECKOUT), '/path/to/mmlite')


def page(folder: Path) -> str:
    """The text of the page; `folder` is empty, and is filled."""
    prepared = folder / 'prepared'
    prepared.mkdir()
    prepare(prepared)
    lines, number = [_HEAD], 0
    for part, mistakes in MISTAKES.items():
        lines += [f'## {part}', '']
        for mistake in mistakes:
            number += 1
            own = folder / str(number)
            ended = make(mistake, prepared, own)
            lines += [*section(number, mistake, ended, answer(ended, own)), '']
    return '\n'.join(lines).rstrip() + '\n'


def section(number: int, mistake: Mistake, ended: Ended, said: str) -> list[str]:
    """The lines of one mistake."""
    assert ended.status == mistake.status, (mistake.title, ended)
    folded = [textwrap.fill(line, 110, break_on_hyphens=False) for line in said.splitlines()]
    goes_on = 'The exit status is 0. ' if ended.status == 0 else ''
    shown = ['```text', f'$ python tools/{mistake.command}', *folded, '```']
    note = f'{goes_on}{mistake.note}'.strip()
    return [f'### {number}. {mistake.title}', '', *shown, *(['', note] if note else [])]


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as name:
        PAGE.write_text(page(Path(name).resolve()), encoding='utf-8')
