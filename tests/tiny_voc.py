# The tiny SSD on files in VOC layout, 2007 and 2012 as in configs/_base_/datasets.
_base_ = './tiny_ssd.py'
classes = ('square', 'triangle', 'cross', 'ring', 'hourglass')
resize = dict(type='Resize', scale=(96, 96), keep_ratio=False)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    resize,
    dict(type='PackDetInputs'),
]
test_pipeline = [dict(type='LoadImageFromFile'), resize, dict(type='PackDetInputs')]
trainval = [
    dict(
        type='VOCDataset',
        data_root='data/not-there/VOCdevkit/',
        ann_file=f'VOC{year}/ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root=f'VOC{year}/'),
        metainfo=dict(classes=classes),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
    )
    for year in (2007, 2012)
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='RepeatDataset',
        times=2,
        dataset=dict(type='ConcatDataset', ignore_keys=['dataset_type'], datasets=trainval),
    )
)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='VOCDataset',
        data_root='data/not-there/VOCdevkit/',
        ann_file='VOC2007/ImageSets/Main/test.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=classes),
        test_mode=True,
        pipeline=test_pipeline,
    )
)
test_dataloader = val_dataloader
