# VFNet-ResNet18 for BCCD at 320 px, from scratch.
_base_ = './vfnet_r50_fpn.py'
model = dict(
    backbone=dict(
        depth=18, frozen_stages=-1, norm_eval=False, zero_init_residual=False, init_cfg=None
    ),
    neck=dict(in_channels=[64, 128, 256, 512]),
    bbox_head=dict(
        num_classes=3,
        # platelets are about 17 px at this size: squares from 32 px, not from 64
        regress_ranges=((-1, 32), (32, 64), (64, 128), (128, 256), (256, 1e8)),
        anchor_generator=dict(
            type='AnchorGenerator',
            ratios=[1.0],
            octave_base_scale=4,
            scales_per_octave=1,
            strides=[8, 16, 32, 64, 128],
        ),
    ),
)
