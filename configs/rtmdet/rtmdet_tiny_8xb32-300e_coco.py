# RTMDet-Tiny on COCO, the published recipe.
_base_ = [
    '../_base_/models/rtmdet_tiny.py',
    '../_base_/datasets/coco_rtmdet.py',
    '../_base_/schedules/rtmdet_300e.py',
]
model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            prefix='backbone.',
            checkpoint='https://download.openmmlab.com/mmdetection/v3.0/rtmdet/'
            'cspnext_rsb_pretrain/cspnext-tiny_imagenet_600e.pth',
        )
    )
)
custom_hooks = [
    dict(
        type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.0002, update_buffers=True, priority=49
    ),
    dict(
        type='PipelineSwitchHook',
        switch_epoch=280,
        switch_pipeline={{_base_.train_pipeline_stage2}},
    ),
]
