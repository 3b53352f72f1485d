#!/usr/bin/env bash
# Milestones of a MultiStepLR that come after its own `end` never change the learning rate.
#
# One would guess: milestones=[16, 23] in a training of 24 epochs lower the rate after epochs 16 and
#   23, whatever `end` is; or mmengine refuses milestones that are outside begin..end, or says so.
# What happens: a schedule stops at its `end`. With `end=12`, left over from a base of 12 epochs, the
#   rate stays at its first value for all 24 epochs, and nothing is said. Configs that mmdet 3.3.0
#   ships have such lines: faster-rcnn_r50-caffe_fpn_ms-2x_coco.py sets milestones [16, 23] and
#   max_epochs=24 over a base with end=12, so it trains without any decay of the rate; the same
#   is in faster-rcnn_r50-caffe-dc5_ms-3x_coco.py and mask-rcnn_r50-caffe_fpn_ms-poly-3x_coco.py.
# Versions: mmengine 0.10.7, torch 2.14.1, mmdet 3.3.0 (only its configs). Source: mmengine/optim/scheduler/
#   param_scheduler.py, `_ParamScheduler.step`: it writes values only between begin and end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mmengine==0.10.7 torch==2.14.1 numpy==2.4.6 setuptools==80.9.0
"$folder/venv/bin/pip" download --quiet --no-deps --dest "$folder" mmdet==3.3.0
cat > "$folder/run.py" <<'PYTHON'
import glob
import sys
import warnings
import zipfile

import torch
from mmengine.config import Config
from mmengine.optim import MultiStepLR

warnings.simplefilter('ignore')
folder = sys.argv[1]
(wheel,) = glob.glob(f'{folder}/mmdet-3.3.0-*.whl')
zipfile.ZipFile(wheel).extractall(f'{folder}/mmdet')
name = 'faster_rcnn/faster-rcnn_r50-caffe_fpn_ms-2x_coco.py'
cfg = Config.fromfile(f'{folder}/mmdet/mmdet/.mim/configs/{name}')
steps = dict(cfg.param_scheduler[1])
print(name, 'max_epochs', cfg.train_cfg.max_epochs, steps)


def rates(**changes):
    args = {**steps, **changes}
    args.pop('type')
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=cfg.optim_wrapper.optimizer.lr)
    schedule = MultiStepLR(optimizer, **args)
    found = []
    for _ in range(cfg.train_cfg.max_epochs):
        found.append(round(optimizer.param_groups[0]['lr'], 6))
        schedule.step()
    return found


as_shipped, as_meant = rates(), rates(end=cfg.train_cfg.max_epochs)
print('as shipped, after epochs 1, 17, 24:', as_shipped[0], as_shipped[16], as_shipped[23])
print('with end=24, after epochs 1, 17, 24:', as_meant[0], as_meant[16], as_meant[23])
assert steps['milestones'] == [16, 23] and steps['end'] == 12, steps
assert set(as_shipped) == {0.02}, as_shipped
assert (as_meant[16], as_meant[23]) == (0.002, 0.0002), as_meant
PYTHON
"$folder/venv/bin/python" "$folder/run.py" "$folder"
