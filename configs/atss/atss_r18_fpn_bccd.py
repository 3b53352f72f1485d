# ATSS-ResNet18 on BCCD at 320 px, from scratch on a CPU.
_base_ = [
    '../_base_/models/atss_r18_bccd.py',
    '../_base_/datasets/bccd_320.py',
    '../_base_/schedules/short_12e.py',
    '../_base_/default_runtime.py',
]
