"""What malloc keeps of freed memory for the next picture or feature map.

It would else go back to the system, and the kernel clears every page that it hands out again.
Only glibc's malloc gets this setting; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes

# in glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_MMAP_MAX = 65536  # glibc's own


def keep_pictures() -> None:
    """Keeps blocks of up to 32 MiB, and 64 MiB in all: for each of many workers."""
    # a worker inherits what `keep_feature_maps` said; 32 MiB are the most glibc takes
    _call('mallopt', _M_MMAP_MAX, _MMAP_MAX)
    _call('mallopt', _M_MMAP_THRESHOLD, 2**25)
    _call('mallopt', _M_TRIM_THRESHOLD, 2**26)


def keep_feature_maps() -> None:
    """Keeps blocks of any size, and 1 GiB in all: for the one process that computes on a CPU."""
    # without mmap, since a map of VGG's first layers is larger than its largest threshold
    _call('mallopt', _M_MMAP_MAX, 0)
    _call('mallopt', _M_TRIM_THRESHOLD, 2**30)


def give_back_memory() -> None:
    """Gives all that is free back to the system, once: for the moment before a fork.

    A forked worker would keep each free page that this process fills again.
    """
    _call('malloc_trim', 0)


def _call(function: str, *args: int) -> None:
    try:
        found = getattr(ctypes.CDLL(None), function)
    except (AttributeError, OSError, TypeError):  # another malloc, or Windows
        return
    found(*args)
