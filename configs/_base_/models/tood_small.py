# A small TOOD for images of about 320 px, made for two CPU cores.
_base_ = './tood_r50_fpn.py'
model = dict(
    backbone=dict(
        depth=18,
        base_channels=32,
        frozen_stages=-1,
        norm_eval=False,
        zero_init_residual=False,
        init_cfg=None,
    ),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=64, num_outs=4),
    bbox_head=dict(
        in_channels=64,
        feat_channels=64,
        stacked_convs=2,
        norm_cfg=dict(type='GN', num_groups=8),
        # the smallest objects are about 16 px
        anchor_generator=dict(octave_base_scale=4, strides=[8, 16, 32, 64]),
    ),
)
