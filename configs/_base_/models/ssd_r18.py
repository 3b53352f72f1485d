# SSD on ResNet-18 with batch norm: for training from scratch, also on a CPU.
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
        depth=18,
        out_indices=(1, 2, 3),
        norm_eval=False,
        zero_init_residual=False,
    ),
    neck=dict(
        type='SSDNeck',
        in_channels=(128, 256, 512),
        out_channels=(128, 256, 512, 256, 256, 128),
        level_strides=(2, 2, 1),
        level_paddings=(1, 1, 0),
        l2_norm_scale=None,
        norm_cfg=dict(type='BN'),
    ),
    bbox_head=dict(
        type='SSDHead',
        in_channels=(128, 256, 512, 256, 256, 128),
        num_classes=20,
        anchor_generator=dict(
            type='SSDAnchorGenerator',
            input_size=300,
            basesize_ratio_range=(0.15, 0.9),
            strides=[8, 16, 32, 64, 100, 300],
            ratios=[[2], [2, 3], [2, 3], [2, 3], [2], [2]],
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
