#!/usr/bin/env bash
# A config of mmdet that is named "90k" and sets max_iters = 90000 trains 270,000 iterations.
#
# One would guess: configs/simple_copy_paste/mask-rcnn_r50_fpn_rpn-2conv_4conv1fc_syncbn-all_
#   32xb2-ssj-90k_coco.py inherits the 270k config, sets max_iters = 90000 and its milestones anew,
#   and so trains 90,000 iterations with the learning rate falling near their end.
# What happens: max_iters is a variable of the base, which has used it already when the base ran
#   (train_cfg = dict(max_iters=max_iters)). The child's own max_iters is read by nothing:
#   train_cfg.max_iters stays 270000. mmengine says nothing, and the dumped config shows both numbers.
#   The child's schedule ends at 90,000, so that two thirds of the training run at the lowest rate.
# Versions: mmdet 3.3.0 (January 2024), mmengine 0.10.7.
# Source: the file in the wheel, mmdet/.mim/configs/simple_copy_paste, lines 1 to 7.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mmengine==0.10.7 setuptools==80.9.0
"$folder/venv/bin/pip" download --quiet --no-deps --dest "$folder" mmdet==3.3.0
(cd "$folder" && python3 -m zipfile -e mmdet-3.3.0-py3-none-any.whl wheel)
cd "$folder/wheel/mmdet/.mim/configs/simple_copy_paste"
"$folder/venv/bin/python" - <<'PYTHON'
from mmengine.config import Config

name = 'mask-rcnn_r50_fpn_rpn-2conv_4conv1fc_syncbn-all_32xb2-ssj-90k_coco.py'
cfg = Config.fromfile(name)
print('file:', name)
print('max_iters, the variable:', cfg.max_iters)
print('train_cfg.max_iters, which the loop reads:', cfg.train_cfg.max_iters)
ends = [schedule.get('end') for schedule in cfg.param_scheduler]
print('the schedules end at:', ends)
assert cfg.max_iters == 90000, cfg.max_iters
assert cfg.train_cfg.max_iters == 270000, cfg.train_cfg.max_iters
PYTHON
