"""A transform that takes from its data-loading worker what it needs."""

from __future__ import annotations

import os
import signal
from typing import Any

from torch.utils.data import get_worker_info

try:
    import resource
except ImportError:  # Windows
    resource = None


class Deprive:
    """Deprives a worker of its life, its work, memory, shared memory, or of a way to send.

    Args:
        of: 'life', 'memory', 'shared memory' or 'sending'.
        after: images that are loaded before it.
    """

    def __init__(self, of: str, after: int = 0) -> None:
        self.of = of
        self.after = after

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        self.after -= 1
        if self.after >= 0 or get_worker_info() is None:
            return results
        if self.of == 'life':
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.of == 'work':
            os._exit(0)
        elif self.of == 'memory':
            raise MemoryError
        elif self.of == 'shared memory':  # its files are as limited as others
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        else:
            results['img_id'] = lambda: None  # cannot be pickled
        return results
