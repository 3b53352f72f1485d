# SSD on ResNet-101 (Fu et al. 2017, arXiv 1701.06659, table 1): conv3_x at stride 8, conv5_x, kept
# at stride 16 by a dilation, and four added levels; 1.6 is a third ratio on every level.
# The paper's 321 px are 320 here: Caffe rounds otherwise, the maps have the sizes of the paper.
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
