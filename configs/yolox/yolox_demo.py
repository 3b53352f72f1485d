# A small YOLOX on the embedded set, which is drawn by mmlite.
_base_ = [
    '../_base_/models/yolox_small.py',
    '../_base_/datasets/demo.py',
    '../_base_/schedules/demo.py',
]
model = dict(bbox_head=dict(num_classes=5))
train_pipeline = [
    dict(type='Mosaic', img_scale=(320, 240), pad_val=114.0, prob=0.5),
    dict(type='Resize', scale=(320, 240), keep_ratio=False),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='MultiImageMixDataset',
        dataset=dict(
            type='DemoDataset',
            split='trainval',
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations', with_bbox=True),
            ],
        ),
        pipeline=train_pipeline,
    )
)
custom_hooks = [
    dict(type='EMAHook', momentum=0.01),
    # no mosaic in the last epochs, and an L1 loss on the boxes
    dict(type='YOLOXModeSwitchHook', num_last_epochs=4, priority=48),
]
