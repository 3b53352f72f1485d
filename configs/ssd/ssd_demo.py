# A small SSD on the embedded set, made for two CPU cores: it draws its data by itself.
_base_ = ['../_base_/models/ssd_r18.py', '../_base_/default_runtime.py']
model = dict(
    backbone=dict(base_channels=32, num_stages=3, out_indices=(1, 2)),
    neck=dict(
        in_channels=(64, 128),
        out_channels=(64, 128, 256, 256),
        level_strides=(2, 2),
        level_paddings=(1, 1),
    ),
    bbox_head=dict(
        num_classes=5,
        in_channels=(64, 128, 256, 256),
        anchor_generator=dict(
            input_size=None,  # any: the sizes below say it all
            strides=[8, 16, 32, 64],
            min_sizes=(17, 40, 80, 130),
            max_sizes=(40, 80, 130, 200),
            ratios=[[2], [2], [2], [2]],
        ),
    ),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(320, 240), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(320, 240), keep_ratio=False),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='DemoDataset', split='trainval', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='DemoDataset', split='test', test_mode=True, pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='VOCMetric', metric='mAP', eval_mode='area')
test_evaluator = val_evaluator

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=14, val_interval=3)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=14,
        T_max=14,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(logger=dict(interval=25))
custom_hooks = [dict(type='EMAHook', momentum=0.01)]
randomness = dict(seed=0)
