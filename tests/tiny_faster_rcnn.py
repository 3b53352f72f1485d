# The tiny RetinaNet's data with the two stages of Faster R-CNN.
_base_ = './tiny_retinanet.py'
model = dict(
    _delete_=True,
    type='FasterRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=4,
        base_channels=8,
        out_indices=(1, 2, 3),
        norm_eval=False,
    ),
    neck=dict(
        type='FPN',
        in_channels=[16, 32, 64],
        out_channels=16,
        add_extra_convs='on_output',
        num_outs=4,
    ),
    rpn_head=dict(
        type='RPNHead',
        in_channels=16,
        feat_channels=16,
        anchor_generator=dict(
            type='AnchorGenerator', scales=[2], ratios=[0.5, 1.0, 2.0], strides=[8, 16, 32, 64]
        ),
    ),
    roi_head=dict(
        type='StandardRoIHead',
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=4),
            out_channels=16,
            featmap_strides=[8, 16, 32],
            finest_scale=10,
        ),
        bbox_head=dict(
            type='Shared2FCBBoxHead',
            num_classes=5,
            in_channels=16,
            roi_feat_size=4,
            fc_out_channels=32,
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.7, neg_iou_thr=0.3),
            sampler=dict(type='RandomSampler', num=64, pos_fraction=0.5),
        ),
        rpn_proposal=dict(nms_pre=100, max_per_img=50),
        rcnn=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5),
            sampler=dict(type='RandomSampler', num=32, pos_fraction=0.25),
        ),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=100, max_per_img=30),
        rcnn=dict(score_thr=0.02, nms=dict(type='nms', iou_threshold=0.5), max_per_img=50),
    ),
)
