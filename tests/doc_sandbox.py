"""A folder with stand-ins for what a reader of the documentation has."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np

from mmlite.datasets.demo import draw_demo_set
from tests.runs import CHECKOUT

DEMO = 'configs/ssd/ssd_demo.py'
DEMO_CHECKPOINT = 'work_dirs/ssd_demo/epoch_14.pth'
CLASSES = ('RBC', 'WBC', 'Platelets')  # of your_dataset.md

# what a page leaves to the reader (patterns), and what it is here
STAND_INS = {
    r'/path/to/': '',
    r'\bCONFIG\b': DEMO,
    r'\bCHECKPOINT\b': DEMO_CHECKPOINT,
    r'\bFILE\b': DEMO_CHECKPOINT,
    r'\bWORK_DIR\b': 'work_dirs/ssd_demo',
    r'work_dirs/NAME/': 'work_dirs/ssd_demo/',
    r'\biter_N\b': 'iter_120',
    r'\bepoch_N\b': 'epoch_64',
}
SAME_RUN = 'work_dirs/fcos_demo'  # to be compared with that of the demo
DATA = ('cells', 'bccd', 'coco', 'VOCdevkit/VOC2007')  # each is the same drawn set
CHECKPOINTS = ('epoch_12.pth', 'a.pth', 'mmdets_fcos.pth')
OLD_CONFIGS = ('old.py', 'old_1x_or_2x.py', 'old/retinanet_r50_fpn_1x_coco.py', 'your_config.py')
WHEELS = ('mmdet-3.3.0-py3-none-any.whl',)


def make_sandbox(folder: Path) -> None:
    """Fills a folder with what the commands of the documentation read."""
    for name in (
        'configs',
        'tools',
        'lab',
        'tests',
        'docs',
        'examples',
        'requirements.txt',
        'Makefile',
    ):
        (folder / name).symlink_to(CHECKOUT / name)
    (folder / 'mmdetection').mkdir()
    (folder / 'mmdetection' / 'configs').symlink_to(CHECKOUT / 'configs')
    drawn = draw_demo_set(folder / 'drawn', CLASSES, 12, 6, (112, 96))
    for name in DATA:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(drawn)
    (folder / 'work_dirs').mkdir()
    (folder / SAME_RUN).symlink_to(folder / 'work_dirs' / 'ssd_demo')
    shutil.copytree(drawn / 'JPEGImages', folder / 'photos')
    shutil.copyfile(drawn / 'JPEGImages' / '000001.jpg', folder / 'image.jpg')
    video = cv2.VideoWriter(str(folder / 'video.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 5, (64, 48))
    video.write(np.zeros((48, 64, 3), np.uint8))
    video.release()
    for name in (*CHECKPOINTS, *OLD_CONFIGS, *WHEELS):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def with_stand_ins(text: str) -> str:
    """Puts something of the sandbox where the page leaves the choice to the reader."""
    for placeholder, stand_in in STAND_INS.items():
        text = re.sub(placeholder, stand_in, text)
    return text
