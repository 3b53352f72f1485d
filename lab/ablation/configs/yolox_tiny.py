# YOLOX-Tiny.
_base_ = [
    '../../../configs/yolox/yolox_tiny_bccd.py',
]
optim_wrapper = dict(type='AmpOptimWrapper', loss_scale='dynamic')  # in bfloat16
