# SSD300 on VOC07+12, the published recipe.
_base_ = [
    '../_base_/models/ssd300.py',
    '../_base_/datasets/voc0712_ssd300.py',
    '../_base_/schedules/ssd_voc.py',
    '../_base_/default_runtime.py',
]
model = dict(bbox_head=dict(num_classes=20, anchor_generator=dict(basesize_ratio_range=(0.2, 0.9))))
