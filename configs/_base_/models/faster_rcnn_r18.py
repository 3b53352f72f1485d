# Faster R-CNN-ResNet18 for pictures of about 320 px, from scratch.
_base_ = './faster_rcnn_r50_fpn.py'
model = dict(
    backbone=dict(
        depth=18, frozen_stages=-1, norm_eval=False, zero_init_residual=False, init_cfg=None
    ),
    # without pretrained weights the neck learns much faster with normalisation
    neck=dict(in_channels=[64, 128, 256, 512], norm_cfg=dict(type='GN', num_groups=32)),
    rpn_head=dict(anchor_generator=dict(scales=[4])),  # anchors from 16 px, not from 32
    # RoIs below 56 px, not 112, are of the finest level
    roi_head=dict(bbox_roi_extractor=dict(finest_scale=28)),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=1000, max_per_img=300),
        rcnn=dict(sampler=dict(num=128)),
    ),
    test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=300)),
)
