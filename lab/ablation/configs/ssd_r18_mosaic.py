# SSD on ResNet-18; half of the samples are a window of 300x300 px of a Mosaic of four images.
_base_ = 'ssd_r18.py'
train_pipeline = [
    dict(type='Mosaic', img_scale=(300, 300), prob=0.5),
    dict(type='RandomCrop', crop_size=(300, 300)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='MultiImageMixDataset',
        dataset=dict(
            type='VOCDataset',
            data_root='data/bccd/',
            ann_file='ImageSets/Main/trainval.txt',
            data_prefix=dict(sub_data_root=''),
            metainfo=dict(classes=('RBC', 'WBC', 'Platelets')),
            filter_cfg=dict(filter_empty_gt=True),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations', with_bbox=True),
                dict(type='Resize', scale=(300, 300), keep_ratio=False),
            ],
        ),
        pipeline=train_pipeline,
    )
)
