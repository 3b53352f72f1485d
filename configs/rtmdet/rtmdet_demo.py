# A small RTMDet on the embedded set, which is drawn by mmlite.
_base_ = [
    '../_base_/models/rtmdet_small.py',
    '../_base_/datasets/demo.py',
    '../_base_/schedules/demo.py',
]
model = dict(bbox_head=dict(num_classes=5))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='CachedMosaic', img_scale=(320, 240), pad_val=114.0, max_cached_images=20, prob=0.5),
    dict(type='Resize', scale=(320, 240), keep_ratio=False),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
optim_wrapper = dict(
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True)
)
custom_hooks = [
    dict(type='EMAHook', momentum=0.01),
    # the last epochs see whole images
    dict(type='PipelineSwitchHook', switch_epoch=10, switch_pipeline={{_base_.train_pipeline}}),
]
