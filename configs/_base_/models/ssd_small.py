# A small SSD for images of about 320 px, made for two CPU cores.
_base_ = './ssd_r18.py'
model = dict(
    backbone=dict(base_channels=32, num_stages=3, out_indices=(1, 2)),
    neck=dict(
        in_channels=(64, 128),
        out_channels=(64, 128, 256, 256),
        level_strides=(2, 2),
        level_paddings=(1, 1),
    ),
    bbox_head=dict(
        in_channels=(64, 128, 256, 256),
        anchor_generator=dict(
            input_size=None,  # any size: the boxes are given below in pixels
            strides=[8, 16, 32, 64],
            min_sizes=(17, 40, 80, 130),
            max_sizes=(40, 80, 130, 200),
            ratios=[[2], [2], [2], [2]],
        ),
    ),
)
