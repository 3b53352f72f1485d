# TOOD with a ResNet-50 from torchvision's weights, for 80 classes.
_base_ = './retinanet_r50_fpn.py'
model = dict(
    type='TOOD',
    neck=dict(add_extra_convs='on_output'),
    bbox_head=dict(
        _delete_=True,
        type='TOODHead',
        num_classes=80,
        in_channels=256,
        stacked_convs=6,
        feat_channels=256,
        anchor_generator=dict(
            type='AnchorGenerator',
            ratios=[1.0],
            octave_base_scale=8,
            scales_per_octave=1,
            strides=[8, 16, 32, 64, 128],
        ),
        anchor_type='anchor_free',
        initial_loss_cls=dict(type='FocalLoss', activated=True, gamma=2.0, alpha=0.25),
        loss_cls=dict(type='QualityFocalLoss', activated=True, beta=2.0),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    ),
    train_cfg=dict(
        _delete_=True,
        initial_epoch=4,
        initial_assigner=dict(type='ATSSAssigner', topk=9),
        assigner=dict(type='TaskAlignedAssigner', topk=13, alpha=1, beta=6),
    ),
    test_cfg=dict(nms=dict(type='nms', iou_threshold=0.6)),
)
