# A RetinaNet as small as the tiny SSD, on files in COCO's layout, two sizes of image in a batch.
_base_ = './tiny_ssd.py'
classes = ('square', 'triangle', 'cross', 'ring', 'hourglass')
model = dict(
    type='RetinaNet',
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(num_stages=4, out_indices=(1, 2, 3)),
    neck=dict(
        _delete_=True,
        type='FPN',
        in_channels=[16, 32, 64],
        out_channels=16,
        add_extra_convs='on_output',
        num_outs=4,
    ),
    bbox_head=dict(
        _delete_=True,
        type='RetinaHead',
        num_classes=5,
        in_channels=16,
        stacked_convs=1,
        feat_channels=16,
        anchor_generator=dict(
            type='AnchorGenerator',
            octave_base_scale=2,
            scales_per_octave=2,
            ratios=[0.5, 1.0, 2.0],
            strides=[8, 16, 32, 64],
        ),
    ),
    train_cfg=dict(_delete_=True, assigner=dict(type='ATSSAssigner', topk=9)),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(96, 96), keep_ratio=True),
    dict(type='PackDetInputs'),
]
files = dict(
    _delete_=True,
    type='CocoDataset',
    data_root='data/not-there/coco/',
    metainfo=dict(classes=classes),
)
train_dataloader = dict(
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017/'),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='RandomChoiceResize', scales=[(96, 96), (64, 64)], keep_ratio=True),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackDetInputs'),
        ],
        **files,
    ),
)
val_dataloader = dict(
    dataset=dict(
        ann_file='annotations/instances_val2017.json',
        data_prefix=dict(img='val2017/'),
        test_mode=True,
        pipeline=test_pipeline,
        **files,
    )
)
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='CocoMetric', classwise=True)
test_evaluator = val_evaluator
