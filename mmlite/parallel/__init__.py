"""From samples to the device: DataContainer, collate, scatter, and the wrappers that step."""

from mmlite.parallel.collate import collate
from mmlite.parallel.data_container import DataContainer, unwrapped
from mmlite.parallel.data_parallel import MMDataParallel
from mmlite.parallel.distributed import MMDistributedDataParallel
from mmlite.parallel.scatter import scatter
from mmlite.parallel.to_tensor import to_tensor

__all__ = [
    'DataContainer',
    'MMDataParallel',
    'MMDistributedDataParallel',
    'collate',
    'scatter',
    'to_tensor',
    'unwrapped',
]
