"""Resource limits of a trial (setrlimit(2)): both hard and soft, so that a cell cannot lift them again."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH123

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

_NO_CORE = 1
"""Not 0: the kernel pipes a core dump to the system's crash handler even then, but not at 1 (core(5))."""
_PER_THREAD = 160 << 20
"""Address space that one more thread may reserve without using it: an 8 MB stack and malloc's arenas."""
_TASKS_PER_CPU = 8


@dataclass(frozen=True)
class Memory:
    """Of one process, in bytes."""

    address_space: int
    data: int


def tasks(processes: int) -> int:
    """Processes and threads together that a trial may have: room for the pools of OpenMP and BLAS."""
    return processes + _TASKS_PER_CPU * (os.cpu_count() or 1)


def apply(*, memory_bytes: int, disk_bytes: int, tasks: int, alone: bool) -> None:
    """Limit this process and its future children.

    Memory counts from what the process has mapped now. RLIMIT_DATA bounds what it can fill, so that Python
    sees a MemoryError; RLIMIT_AS bounds shared mappings too and leaves room for what thread stacks and
    allocator arenas reserve. `alone`: the user's other processes do not count against RLIMIT_NPROC (they do
    not in a user namespace, from Linux 5.14 on); it does not bind root.
    """
    now = _mapped()
    slack = _PER_THREAD * (os.cpu_count() or 1) * 2
    _lower(resource.RLIMIT_DATA, now.data + memory_bytes + slack // 8)
    _lower(resource.RLIMIT_AS, now.address_space + memory_bytes + slack)
    _lower(resource.RLIMIT_FSIZE, disk_bytes)
    _lower(resource.RLIMIT_CORE, _NO_CORE)
    _lower(resource.RLIMIT_NPROC, tasks if alone else tasks + _tasks_of_machine())


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _mapped() -> Memory:
    with open("/proc/self/statm", "rb") as statm:
        pages = statm.read().split()
    size = os.sysconf("SC_PAGE_SIZE")
    return Memory(int(pages[0]) * size, int(pages[5]) * size)


def _tasks_of_machine() -> int:
    with open("/proc/loadavg", "rb") as file:
        return int(file.read().split()[3].partition(b"/")[2])
