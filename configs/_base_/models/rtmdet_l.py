# RTMDet-L: CSPNeXt, a neck of the same blocks, a head with separate norms on three levels.
model = dict(
    type='SingleStageDetector',
    # the published weights see BGR, with the mean and standard deviation of ImageNet
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[103.53, 116.28, 123.675],
        std=[57.375, 57.12, 58.395],
        bgr_to_rgb=False,
        pad_size_divisor=32,
    ),
    backbone=dict(
        type='CSPNeXt',
        deepen_factor=1.0,
        widen_factor=1.0,
        norm_cfg=dict(type='SyncBN'),
        act_cfg=dict(type='SiLU'),
    ),
    neck=dict(
        type='CSPNeXtPAFPN',
        in_channels=[256, 512, 1024],
        out_channels=256,
        num_csp_blocks=3,
        norm_cfg=dict(type='SyncBN'),
        act_cfg=dict(type='SiLU'),
    ),
    bbox_head=dict(
        type='RTMDetSepBNHead',
        num_classes=80,
        in_channels=256,
        feat_channels=256,
        stacked_convs=2,
        anchor_generator=dict(type='MlvlPointGenerator', offset=0, strides=[8, 16, 32]),
        with_objectness=False,
        exp_on_reg=True,
        norm_cfg=dict(type='SyncBN'),
        act_cfg=dict(type='SiLU'),
    ),
    train_cfg=dict(assigner=dict(type='DynamicSoftLabelAssigner', topk=13)),
    test_cfg=dict(
        score_thr=0.001,
        nms_pre=30000,
        nms=dict(type='nms', iou_threshold=0.65),
        max_per_img=300,
    ),
)
