"""Backbones, necks, heads, losses and the detector that composes them."""

from mmlite.models.build import build_detector

__all__ = ['build_detector']
