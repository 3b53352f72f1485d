# Cascade R-CNN with a ResNet-50 from torchvision's weights and FPN, for 80 classes.
_base_ = './faster_rcnn_r50_fpn.py'
stage = dict(
    type='Shared2FCBBoxHead',
    num_classes=80,
    in_channels=256,
    fc_out_channels=1024,
    roi_feat_size=7,
    reg_class_agnostic=True,
    loss_cls=dict(type='CrossEntropyLoss'),
    loss_bbox=dict(type='SmoothL1Loss', beta=1.0),
)
sampler = dict(type='RandomSampler', num=512, pos_fraction=0.25, add_gt_as_proposals=True)
model = dict(
    type='CascadeRCNN',
    rpn_head=dict(loss_bbox=dict(type='SmoothL1Loss', beta=1.0 / 9.0)),
    roi_head=dict(
        type='CascadeRoIHead',
        num_stages=3,
        stage_loss_weights=[1, 0.5, 0.25],
        bbox_head=[
            dict(
                **stage,
                bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]),
            ),
            dict(
                **stage,
                bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[0.05, 0.05, 0.1, 0.1]),
            ),
            dict(
                **stage,
                bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[0.033, 0.033, 0.067, 0.067]),
            ),
        ],
    ),
    train_cfg=dict(
        rpn=dict(allowed_border=0),
        rpn_proposal=dict(max_per_img=2000),
        rcnn=[
            dict(
                assigner=dict(
                    type='MaxIoUAssigner',
                    pos_iou_thr=iou,
                    neg_iou_thr=iou,
                    min_pos_iou=iou,
                    match_low_quality=False,
                ),
                sampler=sampler,
            )
            for iou in (0.5, 0.6, 0.7)
        ],
    ),
)
