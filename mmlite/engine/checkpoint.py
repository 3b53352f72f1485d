"""The old import path of `mmlite.checkpoints.loading`."""

from mmlite.checkpoints.loading import LoadReport, load_checkpoint

__all__ = ['LoadReport', 'load_checkpoint']
