# SSD on ResNet-18 with top-down features (FPN, Lin et al. 2017) on all of its six levels.
_base_ = 'ssd_r18.py'
norm_cfg = dict(type='BN')
model = dict(
    neck=dict(
        _delete_=True,
        type='SequentialNeck',
        necks=[
            _base_.model.neck,
            dict(
                type='FPN',
                in_channels=(128, 256, 512, 256, 256, 128),
                out_channels=128,
                num_outs=6,
                norm_cfg=norm_cfg,
            ),
        ],
    ),
    bbox_head=dict(in_channels=(128, 128, 128, 128, 128, 128)),
)
