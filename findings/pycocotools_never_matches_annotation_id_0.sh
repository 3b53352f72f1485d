#!/usr/bin/env bash
# pycocotools never counts the object whose annotation has the id 0 as found; globox numbers from 0.
#
# One would guess: the ids of annotations are names that only have to differ, and detections that
#   equal the ground truth, with a score of 1, have an average precision of 1.
# What happens: pycocotools writes for each detection the id of the object that it matches, and 0
#   where there is none. A detection of the object of id 0 therefore counts as wrong, and its object
#   as missed. No message says so. Of a file with 4 objects the perfect detections have an AP of
#   0.629; in a large file it is one object of many, so that nobody sees it. faster-coco-eval does
#   the same. globox numbers annotations from 0, so that its COCO files lose their first object in
#   both.
# Versions: pycocotools 2.0.11, faster-coco-eval 1.8.0, globox 2.9.0.
# Source: pycocotools/cocoeval.py, evaluateImg (`dtm[...] = gt[m]['id']`) and accumulate
#   (`np.logical_and(dtm, ...)`); globox/annotationset.py, to_coco.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pycocotools==2.0.11 faster-coco-eval==1.8.0 globox==2.9.0 pillow
cd "$folder"
mkdir images labels
venv/bin/python - 2>log <<'PYTHON'
import contextlib
import io
import json

import faster_coco_eval
import pycocotools.coco
import pycocotools.cocoeval
from globox import AnnotationSet
from PIL import Image

for i in range(4):
    Image.new('RGB', (100, 100)).save(f'images/{i}.png')
    with open(f'labels/{i}.txt', 'w') as file:
        file.write('0 0.5 0.5 0.2 0.2\n')
boxes = AnnotationSet.from_yolo_v5('labels', image_folder='images', image_extension='.png')
boxes.save_coco('from_0.json', auto_ids=True)
with open('from_0.json') as file:
    content = json.load(file)
assert sorted(one['id'] for one in content['annotations']) == [0, 1, 2, 3], content
for one in content['annotations']:
    one['id'] += 1
with open('from_1.json', 'w') as file:
    json.dump(content, file)

EVALUATORS = {
    'pycocotools': (pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval),
    'faster-coco-eval': (faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
}
found = {}
for name, (read, evaluator) in EVALUATORS.items():
    for path in ('from_1.json', 'from_0.json'):
        with contextlib.redirect_stdout(io.StringIO()):
            truth = read(path)
            keys = ('image_id', 'category_id', 'bbox')
            perfect = [{**{k: one[k] for k in keys}, 'score': 1.0} for one in content['annotations']]
            result = evaluator(truth, truth.loadRes(perfect), 'bbox')
            result.evaluate()
            result.accumulate()
            result.summarize()
        found[name, path] = float(result.stats[0]), float(result.stats[8])
        print(f'{name}, {path}: AP {found[name, path][0]:.3f}, recall {found[name, path][1]:.2f}')
for name in EVALUATORS:
    assert found[name, 'from_1.json'] == (1, 1), found
    assert found[name, 'from_0.json'][0] < 0.6 and found[name, 'from_0.json'][1] == 0.75, found
PYTHON
