"""What mmengine's loops give to hooks, by short names."""

from torch import Tensor

DataBatch = dict | None  # what `collate` returned
Outputs = dict | list | None  # the values to log of a training step, or what a test detected
Norm = Tensor | None  # before clipping; None where the config does not clip by it
