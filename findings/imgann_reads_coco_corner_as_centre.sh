#!/usr/bin/env bash
# imgann reads the corner of a COCO box as its centre, unless it is called with center=False.
#
# One would guess: Convertor.coco2voc and coco2csv read `bbox` as COCO defines it, x and y of the top left
#   corner with width and height. A box [40, 30, 20, 10] is then the corners 40, 30, 60, 40.
# What happens: by default the corners are 30, 25, 50, 35: every box is moved up and to the left by half of
#   its size, and nothing is printed. center=False gives the right corners. Training and
#   validation sets that are converted alike are wrong alike, so that a metric does not show it.
# Versions: imgann 0.8.1 (with pandas, opencv-python-headless and scikit-learn, which it imports).
# Source: imgann/operators/coco.py; the argument `center` of imgann/convert.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imgann==0.8.1 pandas opencv-python-headless scikit-learn pillow
cd "$folder"
mkdir images out
venv/bin/python - 2>log <<'PYTHON'
import csv
import json

from imgann import Convertor
from PIL import Image

Image.new('RGB', (100, 80)).save('images/a.png')
box = dict(id=1, image_id=1, category_id=1, bbox=[40, 30, 20, 10], area=200, iscrowd=0,
           segmentation=[])
content = dict(
    images=[dict(id=1, file_name='a.png', width=100, height=80)],
    annotations=[box],
    categories=[dict(id=1, name='cat', supercategory='')],
)
with open('coco.json', 'w') as file:
    json.dump(content, file)
found = {}
for name, arguments in (('default', {}), ('center=False', dict(center=False))):
    Convertor.coco2csv('images', 'coco.json', f'out/{len(found)}.csv', **arguments)
    with open(f'out/{len(found)}.csv', newline='') as file:
        row = next(csv.DictReader(file))
    found[name] = [round(float(row[key])) for key in ('xmin', 'ymin', 'xmax', 'ymax')]
    print(f'{name}: {found[name]}')
assert found['default'] == [30, 25, 50, 35], found
assert found['center=False'] == [40, 30, 60, 40], found
PYTHON
