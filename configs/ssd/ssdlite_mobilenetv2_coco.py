# SSDLite-MobileNetV2 at 320 px on COCO, from scratch: 120 epochs; the set is repeated five
# times in each.
_base_ = [
    '../_base_/models/ssdlite_mobilenetv2.py',
    '../_base_/datasets/coco_ssd320.py',
    '../_base_/default_runtime.py',
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=120, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.015, momentum=0.9, weight_decay=4e-5),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='CosineAnnealingLR', begin=0, T_max=120, end=120, by_epoch=True, eta_min=0),
]
auto_scale_lr = dict(enable=False, base_batch_size=192)
