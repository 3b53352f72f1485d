"""Gives the classes of `mmlite.ops` their names in configs; `ops` itself uses no registry."""

from mmlite.ops import assigners, coders, dynamic_assigners, priors
from mmlite.registry import TASK_UTILS

for cls in (
    priors.AnchorGenerator,
    priors.LegacyAnchorGenerator,
    priors.LegacySSDAnchorGenerator,
    priors.MlvlPointGenerator,
    priors.SSDAnchorGenerator,
    priors.TorchvisionAnchorGenerator,
    coders.DeltaXYWHBBoxCoder,
    coders.LegacyDeltaXYWHBBoxCoder,
    coders.DistancePointBBoxCoder,
    coders.YOLOXBBoxCoder,
    assigners.ATSSAssigner,
    assigners.FCOSAssigner,
    assigners.MaxIoUAssigner,
    dynamic_assigners.DynamicSoftLabelAssigner,
    dynamic_assigners.SimOTAAssigner,
):
    TASK_UTILS.register_module(module=cls)
