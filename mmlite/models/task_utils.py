"""Gives the classes of `mmlite.ops` their names in configs; `ops` itself knows no registry."""

from mmlite.ops.assigners import MaxIoUAssigner
from mmlite.ops.coders import DeltaXYWHBBoxCoder
from mmlite.ops.priors import SSDAnchorGenerator
from mmlite.registry import TASK_UTILS

for cls in (SSDAnchorGenerator, DeltaXYWHBBoxCoder, MaxIoUAssigner):
    TASK_UTILS.register_module(module=cls)
