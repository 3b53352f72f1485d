# Faster R-CNN as torchvision builds it: other anchors and box losses, 90 classes.
_base_ = './faster_rcnn_r50_fpn.py'
model = dict(
    rpn_head=dict(
        anchor_generator=dict(
            _delete_=True,
            type='TorchvisionAnchorGenerator',
            strides=[4, 8, 16, 32, 64],
            sizes=[[32], [64], [128], [256], [512]],
            ratios=[0.5, 1.0, 2.0],
        ),
        bbox_coder=dict(bound_shrinking=False),
        loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9),
    ),
    roi_head=dict(
        bbox_roi_extractor=dict(roi_layer=dict(sampling_ratio=2, aligned=False)),
        bbox_head=dict(
            num_classes=90,
            bbox_coder=dict(bound_shrinking=False),
            loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9),
        ),
    ),
    train_cfg=dict(
        rpn=dict(assigner=dict(min_pos_iou=0.0, reassign_low_quality=False)),
        rpn_proposal=dict(max_per_img=2000, min_bbox_size=1e-3),
    ),
    test_cfg=dict(rpn=dict(min_bbox_size=1e-3), rcnn=dict(min_bbox_size=1e-2)),
)
