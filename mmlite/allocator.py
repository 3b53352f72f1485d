"""What malloc keeps of freed memory for the next picture or feature map.

It would else go back to the system, and the kernel clears every page that it hands out again.
Only glibc's malloc is told; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes

# in glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_MMAP_MAX = 65536  # glibc's own


def keep_pictures() -> None:
    """Keeps blocks of up to 32 MiB, and 64 MiB in all: for each of many workers."""
    # a worker inherits what `keep_feature_maps` said; 32 MiB are the most glibc takes
    _tell_malloc({_M_MMAP_MAX: _MMAP_MAX, _M_MMAP_THRESHOLD: 2**25, _M_TRIM_THRESHOLD: 2**26})


def keep_feature_maps() -> None:
    """Keeps blocks of any size, and 1 GiB in all: for the one process that computes on a CPU."""
    # without mmap, since a map of VGG's first layers is larger than its largest threshold
    _tell_malloc({_M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: 2**30})


def _tell_malloc(values: dict[int, int]) -> None:
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another malloc, or Windows
        return
    for parameter, value in values.items():
        mallopt(parameter, value)
