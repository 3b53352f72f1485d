# As short_8e, over 64 epochs: for fewer pictures.
_base_ = 'short_8e.py'
train_cfg = dict(max_epochs=64, val_interval=8)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=64,
        T_max=64,
        convert_to_iter_based=True,
    ),
]
