# DSSD (Fu et al. 2017) on ResNet-18: the top-down path and prediction modules with 128 channels.
_base_ = 'ssd_r18.py'
norm_cfg = dict(type='BN')
model = dict(
    neck=dict(
        _delete_=True,
        type='SequentialNeck',
        necks=[
            _base_.model.neck,
            dict(
                type='DSSDNeck',
                in_channels=(128, 256, 512, 256, 256, 128),
                out_channels=128,
                norm_cfg=norm_cfg,
            ),
            dict(
                type='PredictionModule',
                in_channels=(128, 128, 128, 128, 128, 128),
                channels=64,
                out_channels=256,
                norm_cfg=norm_cfg,
            ),
        ],
    ),
    bbox_head=dict(in_channels=(256, 256, 256, 256, 256, 256)),
)
