# YOLOX-Tiny: three quarters of the width of YOLOX-S.
_base_ = './yolox_s.py'
model = dict(
    backbone=dict(widen_factor=0.375),
    neck=dict(in_channels=[96, 192, 384], out_channels=96),
    bbox_head=dict(in_channels=96, feat_channels=96),
)
