# SSD on ResNet-101 at 512 px on COCO (the paper's 513): one more level.
_base_ = [
    '../_base_/models/ssd320_r101.py',
    '../_base_/datasets/coco_ssd512.py',
    '../_base_/schedules/schedule_2x.py',
    '../_base_/default_runtime.py',
]
model = dict(
    neck=dict(
        out_channels=(512, 2048, 1024, 1024, 1024, 1024, 1024),
        level_strides=(2, 2, 2, 2, 2),
        level_paddings=(1, 1, 1, 1, 1),
    ),
    bbox_head=dict(
        in_channels=(512, 2048, 1024, 1024, 1024, 1024, 1024),
        anchor_generator=dict(
            input_size=512,
            basesize_ratio_range=(0.1, 0.9),
            strides=[8, 16, 32, 64, 128, 256, 512],
            ratios=[
                [1.6, 2, 3],
                [1.6, 2, 3],
                [1.6, 2, 3],
                [1.6, 2, 3],
                [1.6, 2, 3],
                [1.6, 2, 3],
                [1.6, 2, 3],
            ],
        ),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=2e-3, weight_decay=5e-4))
auto_scale_lr = dict(base_batch_size=64)
