# FCOS-ResNet18 with GN in its towers.
_base_ = [
    '../../../configs/_base_/models/fcos_r18.py',
    '../../../configs/_base_/datasets/bccd_320.py',
    '../../../configs/_base_/schedules/short_8e.py',
    '../../../configs/_base_/default_runtime.py',
]
model = dict(bbox_head=dict(num_classes=3))
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')  # in bfloat16
