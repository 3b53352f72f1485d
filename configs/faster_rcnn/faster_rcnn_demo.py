# A small Faster R-CNN on the embedded set, which is drawn by mmlite.
_base_ = [
    '../_base_/models/faster_rcnn_small.py',
    '../_base_/datasets/demo.py',
    '../_base_/schedules/demo.py',
]
model = dict(roi_head=dict(bbox_head=dict(num_classes=5)))
