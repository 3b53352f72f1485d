# RetinaNet as torchvision builds it: other anchors, P6 from P5, 90 classes.
_base_ = './retinanet_r50_fpn.py'
model = dict(
    neck=dict(add_extra_convs='on_output', relu_before_extra_convs=True),
    bbox_head=dict(
        num_classes=90,
        anchor_generator=dict(
            _delete_=True,
            type='TorchvisionAnchorGenerator',
            strides=[8, 16, 32, 64, 128],
            sizes=[(32, 40, 50), (64, 80, 101), (128, 161, 203), (256, 322, 406), (512, 645, 812)],
            ratios=[0.5, 1.0, 2.0],
        ),
        bbox_coder=dict(bound_shrinking=False),
    ),
    train_cfg=dict(assigner=dict(reassign_low_quality=False)),
    test_cfg=dict(max_per_img=300, min_bbox_size=-1),
)
