# ATSS-ResNet18 for BCCD at 320 px, from scratch.
_base_ = './atss_r50_fpn.py'
model = dict(
    backbone=dict(
        depth=18, frozen_stages=-1, norm_eval=False, zero_init_residual=False, init_cfg=None
    ),
    neck=dict(in_channels=[64, 128, 256, 512]),
    bbox_head=dict(
        num_classes=3,
        # platelets are about 17 px at this size: squares from 32 px, not from 64
        anchor_generator=dict(octave_base_scale=4),
    ),
)
