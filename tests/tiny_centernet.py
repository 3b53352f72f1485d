# CenterNet as small as the tiny RetinaNet, on its data, each picture in the middle of its input.
_base_ = './tiny_retinanet.py'
model = dict(
    type='CenterNet',
    backbone=dict(out_indices=(3,)),
    neck=dict(
        _delete_=True,
        type='CTResNetNeck',
        in_channels=64,
        num_deconv_filters=(32, 16, 16),
        num_deconv_kernels=(4, 4, 4),
    ),
    bbox_head=dict(
        _delete_=True, type='CenterNetHead', num_classes=5, in_channels=16, feat_channels=16
    ),
    train_cfg=None,
    test_cfg=dict(_delete_=True, topk=100, local_maximum_kernel=3, max_per_img=100),
)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='RandomCenterCropPad',
        ratios=None,
        border=None,
        mean=[0, 0, 0],
        std=[1, 1, 1],
        to_rgb=True,
        test_mode=True,
        test_pad_mode=['logical_or', 31],
        test_pad_add_pix=1,
    ),
    dict(type='PackDetInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
