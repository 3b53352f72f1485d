"""Heads: feature maps to losses in training, to detections in testing."""

from mmlite.models.heads.atss_head import ATSSHead
from mmlite.models.heads.dense_head import DenseHead
from mmlite.models.heads.fcos_head import FCOSHead
from mmlite.models.heads.gfl_head import GFLHead
from mmlite.models.heads.retina_head import RetinaHead
from mmlite.models.heads.rtmdet_head import RTMDetHead
from mmlite.models.heads.rtmdet_sep_bn_head import RTMDetSepBNHead
from mmlite.models.heads.ssd_head import SSDHead
from mmlite.models.heads.yolox_head import YOLOXHead

__all__ = [
    'ATSSHead',
    'DenseHead',
    'FCOSHead',
    'GFLHead',
    'RTMDetHead',
    'RTMDetSepBNHead',
    'RetinaHead',
    'SSDHead',
    'YOLOXHead',
]
