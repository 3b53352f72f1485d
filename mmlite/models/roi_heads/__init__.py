"""Second stages: proposals to losses in training, to detections in testing."""

from mmlite.models.roi_heads.bbox_head import (
    BBoxHead,
    Shared2FCBBoxHead,
    Shared4Conv1FCBBoxHead,
)
from mmlite.models.roi_heads.cascade_roi_head import CascadeRoIHead
from mmlite.models.roi_heads.combined_sampler import CombinedSampler
from mmlite.models.roi_heads.double_head import DoubleConvFCBBoxHead, DoubleHeadRoIHead
from mmlite.models.roi_heads.dynamic_roi_head import DynamicRoIHead
from mmlite.models.roi_heads.res_layer import ResLayer
from mmlite.models.roi_heads.roi_extractor import SingleRoIExtractor
from mmlite.models.roi_heads.standard_roi_head import StandardRoIHead

__all__ = [
    'BBoxHead',
    'CascadeRoIHead',
    'CombinedSampler',
    'DoubleConvFCBBoxHead',
    'DoubleHeadRoIHead',
    'DynamicRoIHead',
    'ResLayer',
    'Shared2FCBBoxHead',
    'Shared4Conv1FCBBoxHead',
    'SingleRoIExtractor',
    'StandardRoIHead',
]
