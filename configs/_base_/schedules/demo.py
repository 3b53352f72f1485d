# A few minutes on two CPU cores, from scratch.
_base_ = '../default_runtime.py'
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=14, val_interval=3)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.05),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=14,
        T_max=14,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(logger=dict(interval=25))
custom_hooks = [dict(type='EMAHook', momentum=0.01)]
randomness = dict(seed=0)
