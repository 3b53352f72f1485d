# A small YOLOX for images of about 320 px, made for two CPU cores and trained from scratch.
_base_ = './yolox_s.py'
model = dict(
    backbone=dict(deepen_factor=0.167, widen_factor=0.25),
    neck=dict(in_channels=[64, 128, 256], out_channels=64),
    bbox_head=dict(in_channels=64, feat_channels=64),
    test_cfg=dict(max_per_img=100),
)
