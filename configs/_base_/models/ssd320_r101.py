# SSD on ResNet-101 (Fu et al. 2017, arXiv 1701.06659, table 1): conv3_x at stride 8, conv5_x
# with a dilation at stride 16, and four added levels; 1.6 is a third ratio on every level.
# 320 px here are 321 px in the paper: Caffe rounds differently. The maps have the paper's sizes.
_base_ = './ssd_r18.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=101,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        out_indices=(1, 3),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101'),
    ),
    neck=dict(
        in_channels=(512, 2048),
        out_channels=(512, 2048, 1024, 1024, 1024, 1024),
        level_strides=(2, 2, 1, 1),
        level_paddings=(1, 1, 0, 0),
    ),
    bbox_head=dict(
        in_channels=(512, 2048, 1024, 1024, 1024, 1024),
        num_classes=80,
        anchor_generator=dict(
            input_size=320,
            strides=[8, 16, 32, 64, 107, 320],
            ratios=[[1.6, 2, 3], [1.6, 2, 3], [1.6, 2, 3], [1.6, 2, 3], [1.6, 2, 3], [1.6, 2, 3]],
        ),
    ),
)
