# SSD512 on VOC07+12: a larger input and one more level.
_base_ = [
    '../_base_/models/ssd300.py',
    '../_base_/datasets/voc0712_ssd512.py',
    '../_base_/schedules/ssd_voc.py',
    '../_base_/default_runtime.py',
]
model = dict(
    neck=dict(
        out_channels=(512, 1024, 512, 256, 256, 256, 256),
        level_strides=(2, 2, 2, 2, 1),
        level_paddings=(1, 1, 1, 1, 1),
        last_kernel_size=4,
    ),
    bbox_head=dict(
        in_channels=(512, 1024, 512, 256, 256, 256, 256),
        num_classes=20,
        anchor_generator=dict(
            input_size=512,
            strides=[8, 16, 32, 64, 128, 256, 512],
            basesize_ratio_range=(0.15, 0.9),
            ratios=[[2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2]],
        ),
    ),
)
