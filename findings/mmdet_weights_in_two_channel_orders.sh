#!/usr/bin/env bash
# One would guess: the published configs give the same pretrained weights pixels in the order of
# channels, RGB or BGR, in which these weights have learnt.
# What happens: mmdet 3.3.0 has configs that give the same file both. HRNet's weights get RGB in
# two-stage detectors and BGR in FCOS, whose base was written for Caffe's ResNet; RegNet's, which
# PyCls has trained on BGR, get RGB in the configs of Cascade Mask R-CNN. No message says so.
# Versions: mmdet 3.3.0 (its configs only; they are plain Python).
# Source: configs/hrnet and configs/regnet in the wheel; the comment of the RegNet configs: 'The
# mean and std are used in PyCls when training RegNets'.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-deps mmdet==3.3.0
"$folder/venv/bin/python" - "$folder"/venv/lib/python3*/site-packages/mmdet/.mim/configs <<'PY'
import collections
import pathlib
import re
import sys


def merged(base, own):
    """A config over its base, as mmengine merges them."""
    if not (isinstance(base, dict) and isinstance(own, dict)) or own.get('_delete_'):
        return own
    return {**base, **{key: merged(base.get(key), value) for key, value in own.items()}}


def read(path):
    text = re.sub(r'\{\{.*?\}\}', 'None', path.read_text(encoding='utf-8'))
    names = {}
    exec(text, names)
    bases = names.get('_base_', [])
    cfg = {}
    for base in [bases] if isinstance(bases, str) else bases:
        cfg = merged(cfg, read(path.parent / base))
    return merged(cfg, {k: v for k, v in names.items() if k == 'model'})


orders = collections.defaultdict(collections.Counter)
for folder in ('hrnet', 'regnet'):
    for path in sorted((pathlib.Path(sys.argv[1]) / folder).glob('*.py')):
        model = read(path)['model']
        weights = model['backbone']['init_cfg']['checkpoint']
        order = 'RGB' if model['data_preprocessor']['bgr_to_rgb'] else 'BGR'
        orders[weights][order] += 1
for weights, found in orders.items():
    print(f'{weights:34} {dict(found)}')
both = [weights for weights, found in orders.items() if len(found) == 2]
assert 'open-mmlab://msra/hrnetv2_w32' in both, both
assert 'open-mmlab://regnetx_400mf' in both, both
PY
