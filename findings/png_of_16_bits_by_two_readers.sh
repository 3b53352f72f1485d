#!/usr/bin/env bash
# Pillow and OpenCV make two different 8-bit pictures of the same 16-bit grey PNG.
#
# One would guess: Image.open(path).convert('RGB') and cv2.imread(path) give the same pixels for a
#   PNG without loss, so that a detector can be trained with one reader and used with the other.
# What happens: OpenCV keeps the upper 8 of the 16 bits (65535 becomes 255, 256 becomes 1). Pillow
#   cuts: each value above 255 becomes 255. A picture of a 12-bit camera or of an X-ray, with values
#   from 0 to 4095, is nearly white by the one and nearly black by the other (at most 15), and
#   neither says a word. With cv2.IMREAD_UNCHANGED and with numpy.asarray(Image.open(path)) both
#   have the true values.
# Versions: pillow 13.0.0, opencv-python-headless 5.0.0.93.
# Source: src/libImaging/Convert.c of Pillow (from I;16 to L); imgcodecs/src/grfmt_png.cpp of OpenCV
#   (png_set_strip_16).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import cv2
import numpy as np
from PIL import Image

values = np.array([[0, 100, 255, 256, 1000, 4095, 30000, 65535]], np.uint16)
assert cv2.imwrite('grey.png', values)
found = dict(
    Pillow=np.asarray(Image.open('grey.png').convert('RGB'))[0, :, 0],
    OpenCV=cv2.imread('grey.png')[0, :, 0],
)
print('in the file:', *values[0])
for name, row in found.items():
    print(f'{name:11}:', *row)
assert (np.asarray(Image.open('grey.png')) == values).all()
assert (cv2.imread('grey.png', cv2.IMREAD_UNCHANGED) == values).all()
assert found['Pillow'].tolist() == [0, 100, 255, 255, 255, 255, 255, 255], found
assert found['OpenCV'].tolist() == [0, 0, 0, 1, 3, 15, 117, 255], found
PYTHON
