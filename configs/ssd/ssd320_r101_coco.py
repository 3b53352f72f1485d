# SSD on ResNet-101 at 320 px on COCO.
_base_ = [
    '../_base_/models/ssd320_r101.py',
    '../_base_/datasets/coco_ssd320.py',
    '../_base_/schedules/schedule_2x.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=2e-3, weight_decay=5e-4))
auto_scale_lr = dict(base_batch_size=64)
