# RetinaNet-ResNet18 for pictures of about 320 px, from scratch.
_base_ = 'retinanet_r50_fpn.py'
model = dict(
    backbone=dict(
        depth=18, frozen_stages=-1, norm_eval=False, zero_init_residual=False, init_cfg=None
    ),
    neck=dict(in_channels=[64, 128, 256, 512]),
    bbox_head=dict(
        # without pretrained weights the towers learn much faster with normalisation
        norm_cfg=dict(type='GN', num_groups=32),
        # anchors from 16 px, not from 32
        anchor_generator=dict(octave_base_scale=2),
    ),
)
