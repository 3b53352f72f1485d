"""Necks: a backbone's feature maps to the levels that a head reads."""

from mmlite.models.necks.fpn import FPN
from mmlite.models.necks.ssd_neck import SSDNeck

__all__ = ['FPN', 'SSDNeck']
