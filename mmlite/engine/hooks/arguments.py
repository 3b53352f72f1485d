"""What mmengine's loops give to hooks, by short names."""

from torch import Tensor

DataBatch = dict | None  # what `collate` returned
Outputs = dict | None  # the values to log, which `train_step` returned
Norm = Tensor | None  # before clipping; None where the config does not clip by it
