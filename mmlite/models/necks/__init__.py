"""Necks: a backbone's feature maps to the levels that a head reads."""

from mmlite.models.necks.csp_pafpn import YOLOXPAFPN, CSPNeXtPAFPN
from mmlite.models.necks.dssd_neck import DSSDNeck
from mmlite.models.necks.fpn import FPN
from mmlite.models.necks.fssd_neck import FSSDNeck
from mmlite.models.necks.prediction_module import PredictionModule
from mmlite.models.necks.sequential_neck import SequentialNeck
from mmlite.models.necks.ssd_neck import SSDNeck

__all__ = [
    'FPN',
    'YOLOXPAFPN',
    'CSPNeXtPAFPN',
    'DSSDNeck',
    'FSSDNeck',
    'PredictionModule',
    'SSDNeck',
    'SequentialNeck',
]
