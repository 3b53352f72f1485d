# SSD on ResNet-18; half of the samples are a window around a platelet, enlarged by 1.25 to 2.5.
_base_ = 'ssd_r18.py'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    # platelets have a side of 39 px here, red cells about 100
    dict(type='SmallObjectCrop', max_size=60, size_range=(0.4, 0.8), prob=0.5),
    dict(type='Resize', scale=(300, 300), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
