# YOLOX-Tiny.
_base_ = '../../../configs/yolox/yolox_tiny_bccd.py'
