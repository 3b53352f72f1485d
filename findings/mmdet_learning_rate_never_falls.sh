#!/usr/bin/env bash
# Four of mmdet's published configs train to the end at their first learning rate.
#
# One would guess: faster-rcnn_r50-caffe_fpn_ms-2x_coco.py sets max_epochs = 24 and milestones [16,
#   23], and so the rate falls to a tenth after 16 epochs and to a hundredth after 23.
# What happens: the file changes the milestones of the schedule that it inherits and leaves its
#   `end` of 12. mmengine stops the schedule there, before the first milestone: all 24 epochs run at
#   0.02. No message says so. faster-rcnn_r50-caffe-dc5_ms-3x_coco.py is alike, and so is Mask
#   R-CNN's ms-poly-3x, with a base of 24 epochs. A config of strong_baselines ("lsj-400e") is a
#   fourth.
# Versions: mmdet 3.3.0, mmengine 0.10.7, torch 2.13.0.
# Source: the files in the wheel, mmdet/.mim/configs; mmengine/optim/scheduler/param_scheduler.py,
#   _ParamScheduler.step: `if self.begin <= self._global_step < self.end`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile mmengine==0.10.7 setuptools==80.9.0 torch==2.13.0
"$folder/venv/bin/pip" download --quiet --no-deps --dest "$folder" mmdet==3.3.0
(cd "$folder" && python3 -m zipfile -e mmdet-3.3.0-py3-none-any.whl wheel)
cd "$folder/wheel/mmdet/.mim/configs"
"$folder/venv/bin/python" - <<'PYTHON'
import torch
from mmengine.config import Config
from mmengine.optim.scheduler import MultiStepLR

NAMES = (
    'faster_rcnn/faster-rcnn_r50_fpn_2x_coco.py',  # this one is as one would guess
    'faster_rcnn/faster-rcnn_r50-caffe_fpn_ms-2x_coco.py',
    'faster_rcnn/faster-rcnn_r50-caffe-dc5_ms-3x_coco.py',
    'mask_rcnn/mask-rcnn_r50-caffe_fpn_ms-poly-3x_coco.py',
    'strong_baselines/mask-rcnn_r50-caffe_fpn_rpn-2conv_4conv1fc_syncbn-all_lsj-400e_coco.py',
)


def rates(cfg):
    """The rate of each epoch, by mmengine's own schedule."""
    (schedule,) = [one for one in cfg.param_scheduler if one.type == 'MultiStepLR']
    arguments = {key: value for key, value in schedule.items() if key != 'type'}
    lr = cfg.optim_wrapper.optimizer.lr
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    stepped = MultiStepLR(optimizer, **arguments)
    seen = []
    for _ in range(cfg.train_cfg.max_epochs):
        seen.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        stepped.step()
    return schedule, seen


falls = {}
for name in NAMES:
    cfg = Config.fromfile(name, import_custom_modules=False)
    schedule, seen = rates(cfg)
    falls[name] = seen[-1] < seen[0]
    print(f'{name}: {len(seen)} epochs, milestones {schedule.milestones}, end {schedule.end}')
    print(f'    rate of the first epoch {seen[0]:g}, of the last {seen[-1]:g}')
assert [falls[name] for name in NAMES] == [True, False, False, False, False], falls
PYTHON
