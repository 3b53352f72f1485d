# YOLOX' 300 epochs of SGD: warm-up over five, a cosine, the last 15 at a constant rate.
_base_ = '../default_runtime.py'
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=300, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4, nesterov=True),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
param_scheduler = [
    dict(type='QuadraticWarmupLR', by_epoch=True, begin=0, end=5, convert_to_iter_based=True),
    dict(
        type='CosineAnnealingLR',
        eta_min=0.0005,
        by_epoch=True,
        begin=5,
        end=285,
        T_max=285,
        convert_to_iter_based=True,
    ),
    dict(type='ConstantLR', factor=1, by_epoch=True, begin=285, end=300),
]
default_hooks = dict(checkpoint=dict(interval=10))
custom_hooks = [
    # no mosaic in the last epochs, and an L1 loss on the boxes
    dict(type='YOLOXModeSwitchHook', num_last_epochs=15, priority=48),
    dict(type='SyncNormHook', priority=48),
    dict(
        type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.0001, update_buffers=True, priority=49
    ),
]
auto_scale_lr = dict(enable=False, base_batch_size=64)
