# YOLOX-Tiny on BCCD at 320 px, from scratch.
_base_ = [
    '../_base_/models/yolox_tiny.py',
    '../_base_/datasets/bccd_320.py',
    '../_base_/schedules/short_8e.py',
    '../_base_/default_runtime.py',
]
model = dict(bbox_head=dict(num_classes=3))
