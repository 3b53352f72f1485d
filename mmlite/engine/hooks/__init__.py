"""Hooks: what happens around the loop. mmengine's own are found by their names as well."""

from mmlite.engine.hooks.ema import EMAHook
from mmlite.engine.hooks.invalid_loss import CheckInvalidLossHook, NonFiniteLossError
from mmlite.engine.hooks.logger import LoggerHook, SkippedImagesHook
from mmlite.engine.hooks.num_class_check import NumClassCheckHook
from mmlite.engine.hooks.progress import ProgressHook
from mmlite.engine.hooks.same_buffers import SameBuffersHook
from mmlite.engine.hooks.visualization import DetVisualizationHook

__all__ = [
    'CheckInvalidLossHook',
    'DetVisualizationHook',
    'EMAHook',
    'LoggerHook',
    'NonFiniteLossError',
    'NumClassCheckHook',
    'ProgressHook',
    'SameBuffersHook',
    'SkippedImagesHook',
]
