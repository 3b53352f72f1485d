# SSD on ResNet-18 with group norm and standardised weights (Qiao et al. 2019): for small batches.
_base_ = 'ssd_r18.py'
norm_cfg = dict(type='GN', num_groups=32)
conv_cfg = dict(type='ConvWS')
model = dict(
    backbone=dict(norm_cfg=norm_cfg, conv_cfg=conv_cfg),
    neck=dict(norm_cfg=norm_cfg, conv_cfg=conv_cfg),
)
