#!/usr/bin/env bash
# Ids that albumentations carries along with the boxes come back as other ids.
#
# One would guess: what is named in `label_fields` of BboxParams comes back as it was, for the boxes
#   that are left: also the ids of the annotations, as a list or as an array of int64.
# What happens: numbers are put beside the boxes into one array of float32, which does not hold each
#   whole number above 2**24 = 16,777,216: 16777217 comes back as 16777216, and 900100184613, of the
#   form that COCO gives to crowds, as 900100194304, an id that no annotation has. Texts are exact,
#   as they are numbered first.
# Versions: albumentations 2.0.8, albucore 0.0.24.
# Source: albumentations/core/label_manager.py; core/utils.py,
#   DataProcessor.add_label_fields_to_data.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile albumentations==2.0.8 albucore==0.0.24
cd "$folder"
NO_ALBUMENTATIONS_UPDATE=1 venv/bin/python - 2>log <<'PYTHON'
import albumentations as A
import numpy as np

image = np.zeros((100, 100, 3), np.uint8)
boxes = np.array([[10, 20, 30, 40], [50, 60, 20, 20], [1, 2, 3, 4]], np.float32)
ids = [1, 16777217, 900100184613]  # the last one is of the form that COCO gives to crowds
given = dict(list=ids, array=np.array(ids), text=[str(one) for one in ids])
back = {}
for name, value in given.items():
    # a new one for each: the first call decides for all what a field holds
    params = A.BboxParams(format='coco', label_fields=['ids'])
    flip = A.Compose([A.HorizontalFlip(p=1)], bbox_params=params)
    back[name] = [int(one) for one in flip(image=image, bboxes=boxes, ids=value)['ids']]
    print(f'{name}: {ids} -> {back[name]}')
assert back['list'] == back['array'] == [1, 16777216, 900100194304], back
assert back['text'] == ids, back
PYTHON
