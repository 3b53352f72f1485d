# 300 iterations with batches of eight images, no decay, nothing random.
_base_ = '../default_runtime.py'
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=4)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.0),
    clip_grad=dict(max_norm=10),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=12,
        T_max=12,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(logger=dict(interval=25))
randomness = dict(seed=0)
