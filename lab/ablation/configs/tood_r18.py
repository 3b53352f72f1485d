# TOOD-ResNet18 with GN in its towers.
_base_ = [
    '../../../configs/_base_/models/tood_r18_bccd.py',
    '../../../configs/_base_/datasets/bccd_320.py',
    '../../../configs/_base_/schedules/short_8e.py',
    '../../../configs/_base_/default_runtime.py',
]
