# FSSD (Li and Zhou 2017) on ResNet-18: strides 8, 16 and 32 fused once into six levels.
_base_ = 'ssd_r18.py'
model = dict(
    neck=dict(
        _delete_=True,
        type='FSSDNeck',
        in_channels=(128, 256, 512),
        fused_channels=128,
        out_channels=(256, 256, 256, 256, 256, 256),
        norm_cfg=dict(type='BN'),
    ),
    bbox_head=dict(in_channels=(256, 256, 256, 256, 256, 256)),
)
