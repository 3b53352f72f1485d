"""From pictures, folders, videos and cameras to detections in pictures and files."""

from mmlite.inference.detections import Detections
from mmlite.inference.sources import Frame, count_frames, read_frames
from mmlite.inference.writers import KINDS, write_detections

__all__ = ['KINDS', 'Detections', 'Frame', 'count_frames', 'read_frames', 'write_detections']
