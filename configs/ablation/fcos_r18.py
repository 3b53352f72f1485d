# FCOS-ResNet18 with GN in its towers.
_base_ = [
    '../_base_/models/fcos_r18_bccd.py',
    '../_base_/datasets/bccd_320.py',
    '../_base_/schedules/bccd_8e.py',
    '../_base_/default_runtime.py',
]
