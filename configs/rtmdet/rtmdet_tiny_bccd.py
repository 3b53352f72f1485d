# RTMDet-Tiny on BCCD at 320 px, from scratch.
_base_ = [
    '../_base_/models/rtmdet_tiny.py',
    '../_base_/datasets/bccd_320.py',
    '../_base_/schedules/short_8e.py',
    '../_base_/default_runtime.py',
]
norm_cfg = dict(type='BN')
model = dict(
    backbone=dict(norm_cfg=norm_cfg),
    neck=dict(norm_cfg=norm_cfg),
    bbox_head=dict(num_classes=3, norm_cfg=norm_cfg),
)
optim_wrapper = dict(paramwise_cfg=dict(bypass_duplicate=True))
