"""Hooks: what happens around the loop. mmengine's own are found by their names as well."""

from mmlite.engine.hooks.ema import EMAHook
from mmlite.engine.hooks.invalid_loss import CheckInvalidLossHook, NonFiniteLossError
from mmlite.engine.hooks.logger import LoggerHook, SkippedImagesHook
from mmlite.engine.hooks.progress import ProgressHook
from mmlite.engine.hooks.same_buffers import SameBuffersHook

__all__ = [
    'CheckInvalidLossHook',
    'EMAHook',
    'LoggerHook',
    'NonFiniteLossError',
    'ProgressHook',
    'SameBuffersHook',
    'SkippedImagesHook',
]
