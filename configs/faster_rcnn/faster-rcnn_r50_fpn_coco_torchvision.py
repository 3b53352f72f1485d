# Faster R-CNN as torchvision's FasterRCNN_ResNet50_FPN_Weights.COCO_V1 are trained: published box
# AP 37.0. They run with frozen batch norm that adds nothing to the variance.
_base_ = [
    '../_base_/models/faster_rcnn_r50_fpn_torchvision.py',
    '../_base_/datasets/coco_ids.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(norm_cfg=dict(requires_grad=False, eps=0.0)))
