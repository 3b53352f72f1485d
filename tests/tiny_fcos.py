# The tiny RetinaNet's data and neck with FCOS' head.
_base_ = './tiny_retinanet.py'
model = dict(
    type='FCOS',
    bbox_head=dict(
        _delete_=True,
        type='FCOSHead',
        num_classes=5,
        in_channels=16,
        stacked_convs=1,
        feat_channels=16,
        strides=[8, 16, 32, 64],
        regress_ranges=((-1, 24), (24, 48), (48, 96), (96, 1e8)),
        norm_cfg=dict(type='GN', num_groups=4),
        norm_on_bbox=True,
        centerness_on_reg=True,
        center_sampling=True,
        loss_bbox=dict(type='GIoULoss'),
    ),
    train_cfg=None,
)
