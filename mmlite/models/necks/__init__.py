"""Necks: a backbone's feature maps to the levels that a head reads."""

from mmlite.models.necks.bfp import BFP
from mmlite.models.necks.channel_mapper import ChannelMapper
from mmlite.models.necks.csp_pafpn import YOLOXPAFPN, CSPNeXtPAFPN
from mmlite.models.necks.ct_resnet_neck import CTResNetNeck
from mmlite.models.necks.dilated_encoder import DilatedEncoder
from mmlite.models.necks.dssd_neck import DSSDNeck
from mmlite.models.necks.dyhead import DyHead
from mmlite.models.necks.fpn import FPN
from mmlite.models.necks.fssd_neck import FSSDNeck
from mmlite.models.necks.hrfpn import HRFPN
from mmlite.models.necks.nas_fpn import NASFPN
from mmlite.models.necks.pafpn import PAFPN
from mmlite.models.necks.prediction_module import PredictionModule
from mmlite.models.necks.sequential_neck import SequentialNeck
from mmlite.models.necks.ssd_neck import SSDNeck
from mmlite.models.necks.yolov3_neck import YOLOV3Neck

__all__ = [
    'BFP',
    'FPN',
    'HRFPN',
    'NASFPN',
    'PAFPN',
    'YOLOXPAFPN',
    'CSPNeXtPAFPN',
    'CTResNetNeck',
    'ChannelMapper',
    'DSSDNeck',
    'DilatedEncoder',
    'DyHead',
    'FSSDNeck',
    'PredictionModule',
    'SSDNeck',
    'SequentialNeck',
    'YOLOV3Neck',
]
