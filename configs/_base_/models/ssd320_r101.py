# SSD on ResNet-101 (Fu et al. 2017, arXiv 1701.06659, table 1): conv3_x at stride 8, conv5_x, kept
# at stride 16 by a dilation, and four added levels; 1.6 is a third ratio on every level.
# The paper's 321 px are 320 here: Caffe rounds otherwise, the maps have the sizes of the paper.
model = dict(
    type='SingleStageDetector',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='ResNet',
        depth=101,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        out_indices=(1, 3),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101'),
    ),
    neck=dict(
        type='SSDNeck',
        in_channels=(512, 2048),
        out_channels=(512, 2048, 1024, 1024, 1024, 1024),
        level_strides=(2, 2, 1, 1),
        level_paddings=(1, 1, 0, 0),
        l2_norm_scale=None,
        norm_cfg=dict(type='BN'),
    ),
    bbox_head=dict(
        type='SSDHead',
        in_channels=(512, 2048, 1024, 1024, 1024, 1024),
        num_classes=80,
        anchor_generator=dict(
            type='SSDAnchorGenerator',
            input_size=320,
            basesize_ratio_range=(0.15, 0.9),
            strides=[8, 16, 32, 64, 107, 320],
            ratios=[[1.6, 2, 3], [1.6, 2, 3], [1.6, 2, 3], [1.6, 2, 3], [1.6, 2, 3], [1.6, 2, 3]],
        ),
        bbox_coder=dict(
            type='DeltaXYWHBBoxCoder',
            target_means=[0.0, 0.0, 0.0, 0.0],
            target_stds=[0.1, 0.1, 0.2, 0.2],
        ),
    ),
    train_cfg=dict(
        assigner=dict(
            type='MaxIoUAssigner',
            pos_iou_thr=0.5,
            neg_iou_thr=0.5,
            min_pos_iou=0.0,
            gt_max_assign_all=False,
        ),
        neg_pos_ratio=3,
    ),
    test_cfg=dict(
        nms_pre=1000,
        nms=dict(type='nms', iou_threshold=0.45),
        min_bbox_size=0,
        score_thr=0.02,
        max_per_img=200,
    ),
)
