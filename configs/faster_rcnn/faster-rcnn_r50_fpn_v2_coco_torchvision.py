# Faster R-CNN as torchvision's FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1 are trained: published
# box AP 46.7. The RPN has two convolutions, the second stage four; batch norm is in the FPN and in
# the second stage too, and trained.
_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn_torchvision.py',
    '../_base_/datasets/coco_ids.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]
model = dict(
    backbone=dict(frozen_stages=-1, norm_eval=False),
    neck=dict(norm_cfg=dict(type='BN')),
    rpn_head=dict(num_convs=2),
    roi_head=dict(bbox_head=dict(type='Shared4Conv1FCBBoxHead', norm_cfg=dict(type='BN'))),
)
