# A small RTMDet for images of about 320 px, made for two CPU cores and trained from scratch.
_base_ = './rtmdet_tiny.py'
model = dict(
    backbone=dict(widen_factor=0.25, norm_cfg=dict(type='BN')),
    neck=dict(in_channels=[64, 128, 256], out_channels=64, norm_cfg=dict(type='BN')),
    bbox_head=dict(in_channels=64, feat_channels=64, norm_cfg=dict(type='BN')),
    test_cfg=dict(nms_pre=1000, max_per_img=100),
)
