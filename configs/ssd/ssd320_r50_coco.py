# SSD on ResNet-50 whose finest level is a deep stage: conv4_x has stride 8, conv5_x has stride 16.
_base_ = './ssd320_r101_coco.py'
model = dict(
    backbone=dict(
        depth=50,
        strides=(1, 2, 1, 2),
        dilations=(1, 1, 2, 1),
        out_indices=(2, 3),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(in_channels=(1024, 2048), out_channels=(1024, 2048, 1024, 1024, 1024, 1024)),
    bbox_head=dict(in_channels=(1024, 2048, 1024, 1024, 1024, 1024)),
)
