"""The pipeline: classes that take one sample's `results` dict and hand it on.

Contract of `results` (arrays (h, w, c) BGR; boxes xyxy; sizes in pixels):

- from the data set: `filename` (or `img_path`), `img_id`, `width`, `height`, `ann`.
- after LoadImageFromFile: `img`, `ori_shape`, `img_shape`, `pad_shape` (h, w, c),
  `scale_factor` float32 (4,) as (w, h, w, h), resized / original, `flip`, `flip_direction`.
- after LoadAnnotations: `gt_bboxes` float32 (g, 4), `gt_labels` int64 (g,) in 1..C,
  `gt_bboxes_ignore` float32 (k, 4).
- after Normalize: `img_norm_cfg`.
- after RandomCenterCropPad in testing: `border` float32 (4,), where the original picture begins and
  ends in `img`, (top, bottom, left, right).

A transform changes the dict that it is given, never the arrays in it. One that returns None
drops the sample. All randomness comes from numpy's global generator. `img` is an array to all
classes but those with `takes_window = True`, which `Compose` may hand a Window (`window.py`).
"""

from mmlite.datasets.encoded_image import ImageError
from mmlite.datasets.transforms.affine import RandomAffine, RandomShift
from mmlite.datasets.transforms.albu import Albu
from mmlite.datasets.transforms.cached_mix import CachedMixUp, CachedMosaic
from mmlite.datasets.transforms.center_crop import RandomCenterCropPad
from mmlite.datasets.transforms.choices import (
    AutoAugment,
    RandAugment,
    RandomApply,
    RandomChoice,
)
from mmlite.datasets.transforms.compose import Compose, TransformError
from mmlite.datasets.transforms.cut_out import CutOut
from mmlite.datasets.transforms.expand_crop import Expand, MinIoURandomCrop
from mmlite.datasets.transforms.formatting import (
    Collect,
    DefaultFormatBundle,
    PackDetInputs,
    inverse_transform,
)
from mmlite.datasets.transforms.hsv import YOLOXHSVRandomAug
from mmlite.datasets.transforms.loading import (
    FilterAnnotations,
    LoadAnnotations,
    LoadImageFromFile,
)
from mmlite.datasets.transforms.mix import MixUp, Mosaic
from mmlite.datasets.transforms.normalize import Normalize
from mmlite.datasets.transforms.photometric import PhotoMetricDistortion
from mmlite.datasets.transforms.policy_steps import (
    AutoContrast,
    Brightness,
    Color,
    Contrast,
    Equalize,
    Invert,
    Posterize,
    Rotate,
    Sharpness,
    ShearX,
    ShearY,
    Solarize,
    SolarizeAdd,
    TranslateX,
    TranslateY,
)
from mmlite.datasets.transforms.random_crop import RandomCrop
from mmlite.datasets.transforms.random_resize import RandomChoiceResize, RandomResize
from mmlite.datasets.transforms.resize_flip_pad import Pad, RandomFlip, Resize
from mmlite.datasets.transforms.small_object_crop import SmallObjectCrop
from mmlite.datasets.transforms.test_time_aug import TestTimeAug

__all__ = [
    'Albu',
    'AutoAugment',
    'AutoContrast',
    'Brightness',
    'CachedMixUp',
    'CachedMosaic',
    'Collect',
    'Color',
    'Compose',
    'Contrast',
    'CutOut',
    'DefaultFormatBundle',
    'Equalize',
    'Expand',
    'FilterAnnotations',
    'ImageError',
    'Invert',
    'LoadAnnotations',
    'LoadImageFromFile',
    'MinIoURandomCrop',
    'MixUp',
    'Mosaic',
    'Normalize',
    'PackDetInputs',
    'Pad',
    'PhotoMetricDistortion',
    'Posterize',
    'RandAugment',
    'RandomAffine',
    'RandomApply',
    'RandomCenterCropPad',
    'RandomChoice',
    'RandomChoiceResize',
    'RandomCrop',
    'RandomFlip',
    'RandomResize',
    'RandomShift',
    'Resize',
    'Rotate',
    'Sharpness',
    'ShearX',
    'ShearY',
    'SmallObjectCrop',
    'Solarize',
    'SolarizeAdd',
    'TestTimeAug',
    'TransformError',
    'TranslateX',
    'TranslateY',
    'YOLOXHSVRandomAug',
    'inverse_transform',
]
