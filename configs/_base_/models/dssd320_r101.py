# DSSD (Fu et al. 2017, arXiv 1701.06659): the top-down path and prediction modules on SSD-R101.
_base_ = './ssd320_r101.py'
norm_cfg = dict(type='BN')
model = dict(
    neck=dict(
        _delete_=True,
        type='SequentialNeck',
        necks=[
            _base_.model.neck,
            dict(
                type='DSSDNeck',
                in_channels=(512, 2048, 1024, 1024, 1024, 1024),
                out_channels=512,
                norm_cfg=norm_cfg,
            ),
            dict(
                type='PredictionModule',
                in_channels=(512, 512, 512, 512, 512, 1024),
                norm_cfg=norm_cfg,
            ),
        ],
    ),
    bbox_head=dict(in_channels=(1024, 1024, 1024, 1024, 1024, 1024)),
)
