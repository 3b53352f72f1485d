"""What the machine refuses: no memory, no room, no permission, no GPU, as errors of one line.

Nothing here imports torch: its errors are recognised by their text.
"""

from __future__ import annotations

import errno
import os
import re

from mmlite.errors import ExpectedError, RunError, UserError
from mmlite.support.files import disk_full_error

_NO_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|Insufficient memory"
    r'|Cannot allocate memory|ALLOC_FAILED',
    re.IGNORECASE,
)
_NO_GPU = re.compile(
    r'NVIDIA driver|CUDA driver|not compiled with CUDA|no kernel image is available'
    r'|No CUDA GPUs are available|invalid device ordinal'
)
_TOO_MANY_FILES = (errno.EMFILE, errno.ENFILE)
# of a path that the user has given, or that lies below one
_OF_PATHS = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR),
    *(errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
)


def explained(error: BaseException) -> ExpectedError | None:
    """Returns the error of one line for one that the machine is the reason of.

    None: it has another reason, and its traceback is wanted.
    """
    if isinstance(error, MemoryError) or _number(error) == errno.ENOMEM or _is(error, _NO_MEMORY):
        return RunError(
            f'there is not enough memory ({_first_line(error)}). Less is needed with a smaller '
            'batch (batch_size), smaller images or fewer workers (num_workers)'
        )
    if _is(error, _NO_GPU):
        return RunError(f'the GPU cannot be used: {_first_line(error)}')
    return disk_full_error(error) or _path_error(error)


def _path_error(error: BaseException) -> ExpectedError | None:
    if not isinstance(error, OSError):
        return None
    if error.errno in _TOO_MANY_FILES:
        return RunError(f'{error.strerror}: `ulimit -n 65536` before the command allows more')
    place = error.filename2 or error.filename
    if error.errno == errno.EROFS or (error.errno in _OF_PATHS and isinstance(place, str | bytes)):
        return UserError(f'{os.fsdecode(place) if place else "a file"}: {error.strerror}')
    return None


def _number(error: BaseException) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _is(error: BaseException, pattern: re.Pattern) -> bool:
    """By the text of torch's and OpenCV's errors, which are RuntimeErrors and `cv2.error`."""
    known = isinstance(error, RuntimeError) or type(error).__module__ == 'cv2'
    return known and bool(pattern.search(str(error)))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f'{lines[0]:.200}' if lines else type(error).__name__
