"""Gives the classes of `mmlite.ops` their names in configs; `ops` itself uses no registry."""

from mmlite.ops import (
    approx_assigner,
    assigners,
    bucketing_coder,
    center_region_assigner,
    coders,
    dynamic_assigners,
    grid_assigner,
    point_assigner,
    priors,
    task_aligned_assigner,
    uniform_assigner,
)
from mmlite.registry import TASK_UTILS

for cls in (
    priors.AnchorGenerator,
    priors.LegacyAnchorGenerator,
    priors.LegacySSDAnchorGenerator,
    priors.MlvlPointGenerator,
    priors.SSDAnchorGenerator,
    priors.TorchvisionAnchorGenerator,
    priors.YOLOAnchorGenerator,
    coders.DeltaXYWHBBoxCoder,
    coders.LegacyDeltaXYWHBBoxCoder,
    coders.TBLRBBoxCoder,
    coders.DecodedBBoxCoder,
    coders.FoveaBBoxCoder,
    coders.DistancePointBBoxCoder,
    coders.YOLOBBoxCoder,
    coders.YOLOXBBoxCoder,
    bucketing_coder.BucketingBBoxCoder,
    assigners.ATSSAssigner,
    assigners.FCOSAssigner,
    assigners.MaxIoUAssigner,
    approx_assigner.ApproxMaxIoUAssigner,
    center_region_assigner.CenterRegionAssigner,
    point_assigner.PointAssigner,
    grid_assigner.GridAssigner,
    task_aligned_assigner.TaskAlignedAssigner,
    uniform_assigner.UniformAssigner,
    dynamic_assigners.DynamicSoftLabelAssigner,
    dynamic_assigners.SimOTAAssigner,
):
    TASK_UTILS.register_module(module=cls)
