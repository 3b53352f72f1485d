"""Heads: feature maps to losses in training, to detections in testing."""

from mmlite.models.heads.atss_head import ATSSHead
from mmlite.models.heads.autoassign_head import AutoAssignHead
from mmlite.models.heads.centernet_head import CenterNetHead
from mmlite.models.heads.centernet_update_head import CenterNetUpdateHead
from mmlite.models.heads.ddod_head import DDODHead
from mmlite.models.heads.dense_head import DenseHead
from mmlite.models.heads.fcos_head import FCOSHead
from mmlite.models.heads.fovea_head import FoveaHead
from mmlite.models.heads.free_anchor_head import FreeAnchorRetinaHead
from mmlite.models.heads.fsaf_head import FSAFHead
from mmlite.models.heads.gfl_head import GFLHead
from mmlite.models.heads.paa_head import PAAHead
from mmlite.models.heads.reppoints_head import RepPointsHead
from mmlite.models.heads.retina_head import RetinaHead
from mmlite.models.heads.retina_sep_bn_head import RetinaSepBNHead
from mmlite.models.heads.rpn_head import RPNHead
from mmlite.models.heads.rtmdet_head import RTMDetHead
from mmlite.models.heads.rtmdet_sep_bn_head import RTMDetSepBNHead
from mmlite.models.heads.sabl_retina_head import SABLRetinaHead
from mmlite.models.heads.ssd_head import SSDHead
from mmlite.models.heads.tood_head import TOODHead
from mmlite.models.heads.vfnet_head import VFNetHead
from mmlite.models.heads.yolof_head import YOLOFHead
from mmlite.models.heads.yolov3_head import YOLOV3Head
from mmlite.models.heads.yolox_head import YOLOXHead

__all__ = [
    'ATSSHead',
    'AutoAssignHead',
    'CenterNetHead',
    'CenterNetUpdateHead',
    'DDODHead',
    'DenseHead',
    'FCOSHead',
    'FSAFHead',
    'FoveaHead',
    'FreeAnchorRetinaHead',
    'GFLHead',
    'PAAHead',
    'RPNHead',
    'RTMDetHead',
    'RTMDetSepBNHead',
    'RepPointsHead',
    'RetinaHead',
    'RetinaSepBNHead',
    'SABLRetinaHead',
    'SSDHead',
    'TOODHead',
    'VFNetHead',
    'YOLOFHead',
    'YOLOV3Head',
    'YOLOXHead',
]
