# SSD300 on VGG-16 as published, without its pretrained weights.
_base_ = [
    '../../../configs/_base_/models/ssd300.py',
    '../../../configs/_base_/datasets/bccd_300.py',
    '../../../configs/_base_/schedules/short_8e.py',
    '../../../configs/_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(std=[58.395, 57.12, 57.375]),  # not for Caffe's weights
    backbone=dict(init_cfg=None),
    bbox_head=dict(
        num_classes=3,
        # platelets are 12 to 35 px at this input size, red cells about 50, white cells about 110
        anchor_generator=dict(
            min_sizes=(16, 40, 75, 120, 180, 240), max_sizes=(40, 75, 120, 180, 240, 300)
        ),
    ),
)
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')  # in bfloat16
