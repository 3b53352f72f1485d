#!/usr/bin/env bash
# One would guess: in eval mode what torchvision's Faster R-CNN finds in a picture depends on the
# picture and the weights only; RoIs are pooled by the strides of the maps, 32 px a cell here.
# What happens: MultiScaleRoIAlign guesses the scale of each map in the first call, from the height
# of the map and of the picture, and keeps it. A picture of 640x20 px is padded to 640x32 px, so its
# map has 1 row for 20 px: 1/20 is rounded to 1/16. From then on all RoIs of all pictures are pooled
# at twice their place and size, without a message, until the process ends.
# Versions: torchvision 0.29.1 (torch 2.14.1).
# Source: torchvision/ops/poolers.py, _infer_scale and _setup_scales, and 'if self.scales is None'
# in MultiScaleRoIAlign.forward.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.14.1 torchvision==0.29.1
"$folder/venv/bin/python" - <<'PY'
import copy

import torch
from torchvision.models import detection

model = detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None).eval()
# a map of 10x15 cells for a picture of 480x320 px, whose cells hold the pixel of their middle
middles = (torch.arange(15.0) * 32 + 16).expand(1, 1, 10, 15)
roi = torch.tensor([[64.0, 32, 192, 96]])  # its middle is 128 px from the left
found = {}
for first, (height, width) in {'picture': (320, 480), 'banner': (20, 640)}.items():
    own = copy.deepcopy(model)
    with torch.no_grad():
        own([torch.rand(3, height, width)])
    pool = own.roi_heads.box_roi_pool
    mean = pool({'0': middles, '1': middles}, [roi], [(320, 480)]).mean().item()
    found[first] = pool.scales, mean
    cell = 1 / pool.scales[0]
    print(f'after a {first:8} 1 cell = {cell:.0f} px, the middle of the RoI: {mean:.0f} px')
assert found['picture'][0] == [1 / 32] * 2 and abs(found['picture'][1] - 144) < 1, found
assert found['banner'][0] == [1 / 16] * 2 and abs(found['banner'][1] - 272) < 1, found
PY
