"""Hooks: what happens around the loop. mmengine's own are found by their names as well."""

from mmlite.engine.hooks.activation_stats import ActivationStatsHook
from mmlite.engine.hooks.checkpoint import CheckpointHook
from mmlite.engine.hooks.early_stopping import EarlyStoppingHook
from mmlite.engine.hooks.ema import EMAHook
from mmlite.engine.hooks.grad_norm import GradNormHook
from mmlite.engine.hooks.invalid_loss import CheckInvalidLossHook, NonFiniteLossError
from mmlite.engine.hooks.logger import LoggerHook
from mmlite.engine.hooks.loss_watch import LossWatchHook
from mmlite.engine.hooks.memory import MemoryHook
from mmlite.engine.hooks.num_class_check import NumClassCheckHook
from mmlite.engine.hooks.pipeline_switch import PipelineSwitchHook, YOLOXModeSwitchHook
from mmlite.engine.hooks.progress import ProgressHook
from mmlite.engine.hooks.run_pictures import RunPicturesHook
from mmlite.engine.hooks.runtime_info import RuntimeInfoHook
from mmlite.engine.hooks.same_buffers import SameBuffersHook
from mmlite.engine.hooks.set_epoch_info import SetEpochInfoHook
from mmlite.engine.hooks.skipped_images import SkippedImagesHook
from mmlite.engine.hooks.sync_norm import SyncNormHook
from mmlite.engine.hooks.val_loss import ValLossHook
from mmlite.engine.hooks.visualization import DetVisualizationHook

__all__ = [
    'ActivationStatsHook',
    'CheckInvalidLossHook',
    'CheckpointHook',
    'DetVisualizationHook',
    'EMAHook',
    'EarlyStoppingHook',
    'GradNormHook',
    'LoggerHook',
    'LossWatchHook',
    'MemoryHook',
    'NonFiniteLossError',
    'NumClassCheckHook',
    'PipelineSwitchHook',
    'ProgressHook',
    'RunPicturesHook',
    'RuntimeInfoHook',
    'SameBuffersHook',
    'SetEpochInfoHook',
    'SkippedImagesHook',
    'SyncNormHook',
    'ValLossHook',
    'YOLOXModeSwitchHook',
]
