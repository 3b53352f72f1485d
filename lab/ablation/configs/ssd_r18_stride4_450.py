# SSD on ResNet-18 with a level of stride 4, on images of 450x450 px.
_base_ = 'ssd_r18.py'
model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    neck=dict(
        in_channels=(64, 128, 256, 512),
        out_channels=(64, 128, 256, 512, 256, 256, 128),
    ),
    bbox_head=dict(
        in_channels=(64, 128, 256, 512, 256, 256, 128),
        anchor_generator=dict(
            input_size=450,
            strides=[4, 8, 16, 32, 57, 113, 225],
            ratios=[[2], [2], [2, 3], [2, 3], [2, 3], [2], [2]],
            min_sizes=(18, 36, 60, 112, 180, 270, 360),
            max_sizes=(36, 60, 112, 180, 270, 360, 450),
        ),
    ),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(450, 450), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(450, 450), keep_ratio=False),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
