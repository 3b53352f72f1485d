"""Pictures: boxes in images, sheets of images, curves of a run."""

from mmlite.visualization.curves import plot_curves
from mmlite.visualization.drawing import (
    class_colour,
    contact_sheet,
    draw_detections,
    draw_ground_truth,
)
from mmlite.visualization.pictures import (
    check_display,
    drawn_image,
    show_pictures,
    write_image,
    write_jpeg,
    write_pictures,
)

__all__ = [
    'check_display',
    'class_colour',
    'contact_sheet',
    'draw_detections',
    'draw_ground_truth',
    'drawn_image',
    'plot_curves',
    'show_pictures',
    'write_image',
    'write_jpeg',
    'write_pictures',
]
