"""Heads: feature maps to losses in training, to detections in testing."""

from mmlite.models.heads.dense_head import DenseHead
from mmlite.models.heads.fcos_head import FCOSHead
from mmlite.models.heads.retina_head import RetinaHead
from mmlite.models.heads.ssd_head import SSDHead

__all__ = ['DenseHead', 'FCOSHead', 'RetinaHead', 'SSDHead']
