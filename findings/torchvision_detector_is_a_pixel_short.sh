#!/usr/bin/env bash
# torchvision's detectors make the short side of an image 799 pixels instead of 800, for some sizes.
#
# One would guess: min_size=800 gives a short side of 800, and a detector that went through
#   torch.jit.script sees the same pixels as before.
# What happens: the factor 800 / side is rounded, and the size is floor(side * factor). For 334
#   pixels that is floor(799.9999999999999) = 799, as for 57 of the sides from 32 to 1333. A
#   scripted detector divides in float32, where other sides are short: images of 500 x 375 and of
#   640 x 427, common sizes of VOC and COCO, have 800 rows before and 799 after, and 334 and 385 the
#   other way round. All pixels of such an image are other ones, so that scores do not agree. mmcv
#   rounds, and has 800.
# Versions: torch 2.14.1, torchvision 0.29.1.
# Source: torchvision/models/detection/transform.py, _resize_image_and_masks
#   (recompute_scale_factor=True; torch.min of float32 where scripted).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
OMP_NUM_THREADS=1 "$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON'
import torch
from torchvision.models.detection.transform import GeneralizedRCNNTransform

resize = GeneralizedRCNNTransform(800, 1333, [0, 0, 0], [1, 1, 1]).eval()
scripted = torch.jit.script(resize)


def rows(transform, height, width):
    """The rows of an image after the resize, before it is padded to a multiple of 32."""
    images, _ = transform([torch.zeros(3, height, width)])
    return images.image_sizes[0][0]


found = {}
for height, width in ((480, 640), (375, 500), (427, 640), (334, 500), (385, 500)):
    found[height] = rows(resize, height, width), rows(scripted, height, width)
    print(f'{height} x {width}: {found[height][0]} rows, scripted {found[height][1]}')
short = [side for side in range(32, 1334) if int(side * (800 / side)) == 799]
print(f'{len(short)} of 1302 sides become 799, as {short[-5:]}')
assert found[480] == (800, 800), found
assert found[375] == found[427] == (800, 799), found
assert found[334][0] == found[385][0] == 799, found
assert len(short) == 57, short
PYTHON
