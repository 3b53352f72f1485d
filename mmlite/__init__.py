"""mmlite: object detection in the way of MMDetection, on today's PyTorch, nothing to compile."""

from mmlite.version import __version__

__all__ = ['__version__']
