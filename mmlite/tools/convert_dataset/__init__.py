"""Annotations of other tools become data sets in the form of COCO, VOC or YOLO.

A file for each format: `records(source)` reads it, and for three `write(images, ...)` writes it.
"""

from mmlite.tools.convert_dataset.convert import HOW, Conversion, convert, summary
from mmlite.tools.convert_dataset.formats import READERS, WRITERS
from mmlite.tools.convert_dataset.source import Source

__all__ = ['HOW', 'READERS', 'WRITERS', 'Conversion', 'Source', 'convert', 'summary']
