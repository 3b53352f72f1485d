"""Gives the classes of `mmlite.ops` their names in configs; `ops` itself knows no registry."""

from mmlite.ops.assigners import ATSSAssigner, FCOSAssigner, MaxIoUAssigner
from mmlite.ops.coders import (
    DeltaXYWHBBoxCoder,
    DistancePointBBoxCoder,
    LegacyDeltaXYWHBBoxCoder,
)
from mmlite.ops.priors import (
    AnchorGenerator,
    LegacyAnchorGenerator,
    LegacySSDAnchorGenerator,
    MlvlPointGenerator,
    SSDAnchorGenerator,
    TorchvisionAnchorGenerator,
)
from mmlite.registry import TASK_UTILS

for cls in (
    AnchorGenerator,
    LegacyAnchorGenerator,
    LegacySSDAnchorGenerator,
    MlvlPointGenerator,
    SSDAnchorGenerator,
    TorchvisionAnchorGenerator,
    DeltaXYWHBBoxCoder,
    LegacyDeltaXYWHBBoxCoder,
    DistancePointBBoxCoder,
    ATSSAssigner,
    FCOSAssigner,
    MaxIoUAssigner,
):
    TASK_UTILS.register_module(module=cls)
