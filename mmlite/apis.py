"""The short import path of `mmlite.inference.apis`, as mmdet's users write it."""

from mmlite.inference.apis import (
    draw_result,
    inference_detector,
    init_detector,
    load_detector,
)

__all__ = ['draw_result', 'inference_detector', 'init_detector', 'load_detector']
