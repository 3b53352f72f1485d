# As short_8e, over 16 epochs: for fewer pictures.
_base_ = 'short_8e.py'
train_cfg = dict(max_epochs=16, val_interval=4)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR',
        by_epoch=True,
        begin=0,
        end=16,
        T_max=16,
        convert_to_iter_based=True,
    ),
]
