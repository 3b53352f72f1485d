# Faster R-CNN-ResNet18 on BCCD at 320 px, from scratch on a CPU.
_base_ = [
    '../_base_/models/faster_rcnn_r18.py',
    '../_base_/datasets/bccd_320.py',
    '../_base_/schedules/short_8e.py',
    '../_base_/default_runtime.py',
]
model = dict(roi_head=dict(bbox_head=dict(num_classes=3)))
