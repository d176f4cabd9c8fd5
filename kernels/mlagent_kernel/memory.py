"""How much memory this machine, or this container, can still give."""

from __future__ import annotations

import contextlib
from pathlib import Path

_UNKNOWN = 4 << 30


def available_memory() -> int:
    """Bytes, from the kernel's estimate and from the control group's limit."""
    found = [_meminfo(), _control_group()]
    return min(value for value in found if value is not None) if any(found) else _UNKNOWN


def private_memory() -> int:
    """Bytes of anonymous memory this process holds; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_bytes().splitlines():
            if line.startswith(b"RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _meminfo() -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_bytes().splitlines():
            if line.startswith(b"MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _control_group() -> int | None:
    """What is left below the limit of this process' control group (version 2), if it has one."""
    with contextlib.suppress(OSError, ValueError):
        path = Path("/proc/self/cgroup").read_text().split("::", 1)[1].splitlines()[0]
        folder = Path("/sys/fs/cgroup") / path.lstrip("/")
        limit = int((folder / "memory.max").read_text())
        return max(0, limit - int((folder / "memory.current").read_text()))
    return None
