"""Memory that malloc keeps is taken again without the kernel, which counts its pages."""

from __future__ import annotations

import platform

import pytest

from tests.runs import shell

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason="another malloc than glibc's"
)

_FAULTS = """
import resource, sys
from mmlite.support.allocator import keep_feature_maps, keep_pictures
for name in sys.argv[2:]:
    globals()[name]()
def make():
    blocks = [b'1' * (int(sys.argv[1]) * 2**20) for _ in range(5)]
make()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
make()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(mib: int, *calls: str) -> int:
    """Pages of 4 KiB that five blocks of this size need the second time, after these calls."""
    ended = shell(['-c', _FAULTS, mib, *calls])
    assert ended.status == 0, ended.err
    return int(ended.out)


@pytest.mark.parametrize(
    ('mib', 'calls', 'kept'),
    [
        (4, [], False),
        (4, ['keep_pictures'], True),
        (40, ['keep_pictures'], False),  # above 32 MiB
        (4, ['keep_feature_maps'], True),
        (40, ['keep_feature_maps'], True),
        (40, ['keep_feature_maps', 'keep_pictures'], False),  # a worker that was forked
    ],
)
def test_a_block_is_kept(mib: int, calls: list[str], kept: bool) -> None:
    pages = new_pages(mib, *calls)
    if kept:
        assert pages < 100
    else:  # 5,120 pages of 4 KiB are five times 4 MiB
        assert pages > 1000


_FORKED = """
import os
from mmlite.support.allocator import give_back_memory, keep_feature_maps
def resident():
    return int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20
keep_feature_maps()
b'1' * (200 * 2**20)
kept = resident()
give_back_memory()
print(kept - resident())
"""


def test_what_is_kept_is_given_back_before_a_fork() -> None:
    ended = shell(['-c', _FORKED])
    assert ended.status == 0, ended.err
    assert 199 < float(ended.out) < 210
