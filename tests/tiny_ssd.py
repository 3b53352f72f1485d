# The smallest SSD that runs through the whole program: 12 drawn images of 96 px, a ResNet-18 of
# 8 channels. It draws its data by itself; the tests change it with --cfg-options.
_base_ = '../configs/_base_/default_runtime.py'
model = dict(
    type='SingleStageDetector',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='ResNet', depth=18, num_stages=3, base_channels=8, out_indices=(1, 2), norm_eval=False
    ),
    neck=dict(
        type='SSDNeck',
        in_channels=(16, 32),
        out_channels=(16, 32, 32),
        level_strides=(2,),
        level_paddings=(1,),
        l2_norm_scale=None,
    ),
    bbox_head=dict(
        type='SSDHead',
        num_classes=5,
        in_channels=(16, 32, 32),
        anchor_generator=dict(
            type='SSDAnchorGenerator',
            input_size=96,
            strides=[8, 16, 32],
            min_sizes=(12, 30, 50),
            max_sizes=(30, 50, 80),
            ratios=[[2], [2], [2]],
        ),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]),
    ),
    train_cfg=dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5)),
    test_cfg=dict(nms=dict(type='nms', iou_threshold=0.45), score_thr=0.02, max_per_img=50),
)
resize = dict(type='Resize', scale=(96, 96), keep_ratio=False)
drawn = dict(type='DemoDataset', num_train=12, num_test=6, size=(112, 96))
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        split='trainval',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            resize,
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackDetInputs'),
        ],
        **drawn,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        split='test',
        test_mode=True,
        pipeline=[dict(type='LoadImageFromFile'), resize, dict(type='PackDetInputs')],
        **drawn,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='VOCMetric', metric='mAP', eval_mode='area')
test_evaluator = val_evaluator
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4),
    dict(type='MultiStepLR', begin=0, end=2, by_epoch=True, milestones=[1], gamma=0.1),
]
randomness = dict(seed=1)
default_hooks = dict(pictures=None)  # they take longer than the training
