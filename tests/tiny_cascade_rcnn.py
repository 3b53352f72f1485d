# The tiny Faster R-CNN with two stages of a cascade.
_base_ = './tiny_faster_rcnn.py'
head = dict(
    type='Shared2FCBBoxHead',
    num_classes=5,
    in_channels=16,
    roi_feat_size=4,
    fc_out_channels=32,
    reg_class_agnostic=True,
)
stage = dict(
    assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5),
    sampler=dict(type='RandomSampler', num=32, pos_fraction=0.25),
)
model = dict(
    type='CascadeRCNN',
    roi_head=dict(
        type='CascadeRoIHead', num_stages=2, stage_loss_weights=[1, 0.5], bbox_head=[head, head]
    ),
    train_cfg=dict(rcnn=[stage, stage]),
)
