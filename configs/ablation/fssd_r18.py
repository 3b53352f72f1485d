# FSSD on ResNet-18, with the boxes of ssd_r18.py.
_base_ = [
    '../_base_/models/fssd_r18.py',
    '../_base_/datasets/bccd_300.py',
    '../_base_/schedules/bccd_8e.py',
    '../_base_/default_runtime.py',
]
model = dict(
    bbox_head=dict(
        num_classes=3,
        anchor_generator=dict(
            min_sizes=(16, 40, 75, 120, 180, 240), max_sizes=(40, 75, 120, 180, 240, 300)
        ),
    ),
)
