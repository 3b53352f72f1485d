#!/usr/bin/env bash
# Label Studio's VOC export cuts a box on whole pixels a pixel short, since 20 has become 19.999....
#
# One would guess: a box from (0, 0) to (20, 20), in an image of 80 x 60, comes out of the VOC
#   export as it was drawn: 0, 0, 20, 20.
# What happens: Label Studio keeps per cent of the image: 20 / 60 * 100 = 33.33333333333333. The export
#   multiplies back, gets 19.999999999999996, and int() makes 19 of it. Which corners lose a pixel depends
#   on the image's sides: of the 59 whole heights below 60, those printed last. The COCO export of the same
#   task keeps the fraction, and is right.
# Versions: label-studio-sdk 2.1.2.
# Source: label_studio_sdk/converter/converter.py, convert_to_voc.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet label-studio-sdk==2.1.2
cd "$folder"
"$folder/venv/bin/python" - 2>log <<'PYTHON'
import json
import re

from label_studio_sdk.converter import Converter

CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="cat"/></RectangleLabels></View>'
)
WIDTH, HEIGHT = 80, 60


def task(number, height):
    """A box from (0, 0) to (20, height)."""
    value = dict(
        x=0, y=0, width=20 / WIDTH * 100, height=height / HEIGHT * 100, rotation=0,
        rectanglelabels=['cat'],
    )
    result = dict(
        id='r', type='rectanglelabels', from_name='label', to_name='image', value=value,
        original_width=WIDTH, original_height=HEIGHT, image_rotation=0,
    )
    annotation = dict(id=number, result=[result], completed_by=1, was_cancelled=False)
    return dict(id=number, data=dict(image=f'/data/upload/1/{number:03d}.jpg'), annotations=[annotation])


with open('export.json', 'w') as file:
    json.dump([task(height, height) for height in range(1, HEIGHT)], file)
Converter(CONFIG, project_dir=None).convert_to_voc('export.json', 'voc', 'voc/images', is_dir=False)
short = []
for height in range(1, HEIGHT):
    text = open(f'voc/Annotations/{height:03d}.xml').read()
    ymax = int(re.search('<ymax>(.*)</ymax>', text)[1])
    assert ymax in (height, height - 1), (height, ymax)
    if ymax < height:
        short.append(height)
print(f'{len(short)} of {HEIGHT - 1} boxes end a pixel short, those with the height:', *short)
assert 20 in short, short
PYTHON
