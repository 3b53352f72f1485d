# VFNet with a ResNet-50 from torchvision's weights, for 80 classes.
_base_ = './retinanet_r50_fpn.py'
model = dict(
    type='VFNet',
    neck=dict(add_extra_convs='on_output', relu_before_extra_convs=True),
    bbox_head=dict(
        _delete_=True,
        type='VFNetHead',
        num_classes=80,
        in_channels=256,
        stacked_convs=3,
        feat_channels=256,
        strides=[8, 16, 32, 64, 128],
        loss_cls=dict(type='VarifocalLoss', alpha=0.75, gamma=2.0),
        loss_bbox=dict(type='GIoULoss', loss_weight=1.5),
        loss_bbox_refine=dict(type='GIoULoss', loss_weight=2.0),
    ),
    train_cfg=dict(_delete_=True, assigner=dict(type='ATSSAssigner', topk=9)),
    test_cfg=dict(nms=dict(type='nms', iou_threshold=0.6)),
)
