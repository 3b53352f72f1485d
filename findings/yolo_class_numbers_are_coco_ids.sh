#!/usr/bin/env bash
# sahi and pylabel turn COCO into YOLO and write COCO's category ids where YOLO counts classes from 0.
#
# One would guess: two categories with the ids 1 and 2, as most COCO files number them, become the
#   classes 0 and 1 of YOLO, which data.yaml lists as [cat, dog].
# What happens: the rows have the numbers 1 and 2. Every cat is now a dog, and the number 2 is beyond the
#   list. A split without an object of the last category has no number beyond it, so that a
#   training runs with every class mistaken for the next one. sahi is right only where ids count from 0, as
#   its own files do; pylabel has an argument cat_id_index=0 that numbers from 0, and it is off by default.
# Versions: sahi 0.12.8, pylabel 0.1.55 (pandas below 3, which it needs).
# Source: sahi/utils/coco.py, export_single_yolo_image_and_corresponding_txt; pylabel/exporter.py,
#   ExportToYoloV5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for package in sahi==0.12.8 pylabel==0.1.55; do
    python3 -m venv "$folder/${package%%==*}"
    "$folder/${package%%==*}/bin/pip" install --quiet "$package" 'pandas<3' pyyaml pillow
done
cd "$folder"
mkdir images out
"$folder/sahi/bin/python" - <<'PYTHON'
import json

from PIL import Image

Image.new('RGB', (100, 100)).save('images/a.png')
content = dict(
    images=[dict(id=1, file_name='a.png', width=100, height=100)],
    annotations=[
        dict(id=i, image_id=1, category_id=i, bbox=[20 * i, 10, 20, 20], area=400, iscrowd=0,
             segmentation=[])
        for i in (1, 2)
    ],
    categories=[dict(id=1, name='cat', supercategory=''), dict(id=2, name='dog', supercategory='')],
)
with open('coco.json', 'w') as file:
    json.dump(content, file)
PYTHON
"$folder/sahi/bin/python" - 2>log <<'PYTHON'
import yaml
from sahi.utils.coco import Coco

coco = Coco.from_coco_dict_or_path('coco.json', image_dir='images')
coco.export_as_yolo('sahi_out', train_split_rate=1, disable_symlink=True)
numbers = [row.split()[0] for row in open('sahi_out/train/a.txt')]
names = yaml.safe_load(open('sahi_out/data.yml'))['names']
print('sahi: names', names, 'rows', numbers)
assert names == ['cat', 'dog'] and numbers == ['1', '2'], (names, numbers)
PYTHON
"$folder/pylabel/bin/python" - 2>log >log <<'PYTHON'
from pylabel import importer

dataset = importer.ImportCoco('coco.json', path_to_images='images')
dataset.export.ExportToYoloV5(output_path='pylabel_out/labels', yaml_file='data.yaml')
PYTHON
"$folder/sahi/bin/python" - <<'PYTHON'
import yaml

numbers = [row.split()[0] for row in open('pylabel_out/labels/a.txt') if row.strip()]
names = yaml.safe_load(open('pylabel_out/data.yaml'))['names']
print('pylabel: names', names, 'rows', numbers)
assert names == ['cat', 'dog'] and numbers == ['1', '2'], (names, numbers)
PYTHON
