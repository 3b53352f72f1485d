"""Gives the classes of `mmlite.ops` their names in configs; `ops` itself knows no registry."""

from mmlite.ops.assigners import ATSSAssigner, FCOSAssigner, MaxIoUAssigner
from mmlite.ops.coders import DeltaXYWHBBoxCoder, DistancePointBBoxCoder
from mmlite.ops.priors import (
    AnchorGenerator,
    MlvlPointGenerator,
    SSDAnchorGenerator,
    TorchvisionAnchorGenerator,
)
from mmlite.registry import TASK_UTILS

for cls in (
    AnchorGenerator,
    MlvlPointGenerator,
    SSDAnchorGenerator,
    TorchvisionAnchorGenerator,
    DeltaXYWHBBoxCoder,
    DistancePointBBoxCoder,
    ATSSAssigner,
    FCOSAssigner,
    MaxIoUAssigner,
):
    TASK_UTILS.register_module(module=cls)
