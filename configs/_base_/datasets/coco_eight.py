# Eight named images of COCO for training and testing, at 320 px, without augmentation.
pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(320, 320), keep_ratio=True),
    dict(type='PackDetInputs'),
]
eight = dict(
    type='CocoDataset',
    data_root='data/coco/',
    ann_file='annotations/instances_train2017.json',
    data_prefix=dict(img='train2017/'),
    indices=[
        '000000252219.jpg',
        '000000174482.jpg',
        '000000458054.jpg',
        '000000184791.jpg',
        '000000289393.jpg',
        '000000181666.jpg',
        '000000308394.jpg',
        '000000456496.jpg',
    ],
    test_mode=True,
    pipeline=pipeline,
)
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='RepeatDataset', times=25, dataset=eight),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=eight,
)
test_dataloader = val_dataloader
# the images are 640 px wide: 32 x 32 px of them are 16 x 16 px of the input
val_evaluator = dict(type='CocoMetric', classwise=False, area_ranges=dict(from16px=(1024, 1e10)))
test_evaluator = val_evaluator
