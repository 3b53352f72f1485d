# FCOS-ResNet18 on BCCD at 320 px, from scratch on a CPU.
_base_ = [
    '../_base_/models/fcos_r18.py',
    '../_base_/datasets/bccd_320.py',
    '../_base_/schedules/short_12e.py',
    '../_base_/default_runtime.py',
]
# with few epochs AdamW gives a better result than SGD
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=1e-3, weight_decay=0.05))
model = dict(bbox_head=dict(num_classes=3))
