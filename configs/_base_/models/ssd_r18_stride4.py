# SSD on a narrow ResNet-18 with a level of stride 4: small objects, from about 5 px, at any size of
# the input.
_base_ = 'ssd_r18.py'
model = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(base_channels=32, num_stages=3, out_indices=(0, 1, 2)),
    neck=dict(
        in_channels=(32, 64, 128),
        out_channels=(32, 64, 128, 256, 256, 128),
        level_strides=(2, 2, 2),
        level_paddings=(1, 1, 1),
    ),
    bbox_head=dict(
        in_channels=(32, 64, 128, 256, 256, 128),
        anchor_generator=dict(
            input_size=None,  # any size: the boxes are given below in pixels
            strides=[4, 8, 16, 32, 64, 128],
            min_sizes=(5, 10, 24, 56, 120, 240),
            max_sizes=(10, 24, 56, 120, 240, 400),
            ratios=[[2], [2], [2, 3], [2, 3], [2, 3], [2]],
        ),
    ),
    test_cfg=dict(max_per_img=300),
)
