# RTMDet-Tiny.
_base_ = '../../../configs/rtmdet/rtmdet_tiny_bccd.py'
