# DSSD on ResNet-101 at 512 px on COCO (the paper's 513): one more level.
_base_ = './ssd512_r101_coco.py'
norm_cfg = dict(type='BN')
model = dict(
    neck=dict(
        _delete_=True,
        type='SequentialNeck',
        necks=[
            _base_.model.neck,
            dict(
                type='DSSDNeck',
                in_channels=(512, 2048, 1024, 1024, 1024, 1024, 1024),
                last_kernel_size=2,
                norm_cfg=norm_cfg,
            ),
            dict(
                type='PredictionModule',
                in_channels=(512, 512, 512, 512, 512, 512, 1024),
                norm_cfg=norm_cfg,
            ),
        ],
    ),
    bbox_head=dict(in_channels=(1024, 1024, 1024, 1024, 1024, 1024, 1024)),
)
