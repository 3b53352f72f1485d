# RetinaNet as mmdet 2.x had it, in half precision.
_base_ = [
    './_base_/retinanet_r50_fpn.py',
    './_base_/coco_detection.py',
    './_base_/schedule_1x.py',
    './_base_/default_runtime.py',
]
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0001)
fp16 = dict(loss_scale=512.0)
