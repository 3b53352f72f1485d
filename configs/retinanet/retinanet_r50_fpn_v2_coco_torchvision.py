# RetinaNet as torchvision's RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1 are trained: published box AP
# 41.5. P6 comes from C5, the towers have group norm, the boxes GIoU loss, batch norm is trained.
_base_ = [
    '../_base_/models/retinanet_r50_fpn_torchvision.py',
    '../_base_/datasets/coco_ids.py',
    '../_base_/schedules/schedule_1x.py',
    '../_base_/default_runtime.py',
]
model = dict(
    backbone=dict(frozen_stages=-1, norm_eval=False),
    neck=dict(add_extra_convs='on_input'),
    bbox_head=dict(
        norm_cfg=dict(type='GN', num_groups=32),
        loss_bbox=dict(type='GIoULoss'),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.01))
