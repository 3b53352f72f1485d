#!/usr/bin/env bash
# With --auto-scale-lr, mmdet's RTMDet trains at 16 times the rate of its recipe.
#
# One would guess: rtmdet_l_8xb32-300e_coco.py is meant for 8 GPUs of 32 images, and so
#   auto_scale_lr.base_batch_size is 256: with 8 x 32 the option changes nothing, and with one GPU
#   of 32 images it makes an eighth of the rate.
# What happens: the configs inherit base_batch_size=16 from the schedule of Faster R-CNN. On the 8
#   GPUs of its own name the rate becomes 0.004 * 256 / 16 = 0.064, and on one GPU 0.008, which is
#   twice the rate of 8 GPUs. Of the configs for detection that tell their GPUs and images in the
#   name and have a base_batch_size, those printed here disagree with it.
# Versions: mmdet 3.3.0, mmengine 0.10.7 (it multiplies the rate by images of a step /
#   base_batch_size).
# Source: configs/rtmdet and configs/_base_/schedules/schedule_1x.py in the wheel; mmengine/runner/
#   runner.py, Runner.scale_lr.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile mmengine==0.10.7 setuptools==80.9.0
"$folder/venv/bin/pip" download --quiet --no-deps --dest "$folder" mmdet==3.3.0
(cd "$folder" && python3 -m zipfile -e mmdet-3.3.0-py3-none-any.whl wheel)
"$folder/venv/bin/python" - "$folder/wheel/mmdet/.mim/configs" <<'PYTHON'
import collections
import pathlib
import re
import sys

from mmengine.config import Config

FOLDERS = 'atss gfl rtmdet ssd tood vfnet yolo yolof yolox retinanet fcos faster_rcnn detr'.split()
differ = collections.defaultdict(list)
number = 0
for name in FOLDERS:
    for path in sorted((pathlib.Path(sys.argv[1]) / name).glob('*xb*.py')):
        gpus, images = map(int, re.search(r'_(\d+)xb(\d+)', path.stem).groups())
        cfg = Config.fromfile(path, import_custom_modules=False)
        base = cfg.get('auto_scale_lr', {}).get('base_batch_size')
        if base is None:
            continue
        number += 1
        if base != gpus * images:
            differ[name].append((path.stem, cfg.optim_wrapper.optimizer.lr, gpus, images, base))
print(number, 'configs say both; these disagree:')
for stem, lr, gpus, images, base in sum(differ.values(), []):
    scaled = lr * gpus * images / base
    print(f'{stem}: rate {lr:g} for {gpus} x {images} images, base {base}: becomes {scaled:g}')
assert len(differ['rtmdet']) == 14, differ
assert ('rtmdet_l_8xb32-300e_coco', 0.004, 8, 32, 16) in differ['rtmdet'], differ
assert set(differ) == {'rtmdet', 'retinanet'}, differ
PYTHON
