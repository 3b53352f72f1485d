# RetinaNet as torchvision's RetinaNet_ResNet50_FPN_Weights.COCO_V1 are trained: published box AP
# 36.4. They run with frozen batch norm that adds nothing to the variance.
_base_ = [
    '../_base_/models/retinanet_r50_fpn_torchvision.py',
    '../_base_/datasets/coco_ids.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(norm_cfg=dict(requires_grad=False, eps=0.0)))
optim_wrapper = dict(optimizer=dict(lr=0.01))
