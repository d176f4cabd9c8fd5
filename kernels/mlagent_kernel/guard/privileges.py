"""Capabilities: what a trial keeps of its kernel's, and how the rest is given up for good."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH123

from __future__ import annotations

import contextlib
import ctypes

from . import libc

_VERSION_3 = 0x20080522
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

CAP_SYS_ADMIN = 21
_FILE_OWNER_CAPABILITIES = frozenset({0, 1, 2, 3, 4})
"""CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID.

A kernel that runs as root reads and writes other people's files; its trial must read them too, and write to
their copies. Read-only mounts, Landlock and seccomp bind a process with these capabilities as any other.
"""


def effective() -> frozenset[int]:
    """The numbers of this process' effective capabilities (capabilities(7))."""
    with open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"CapEff:"):
                bits = int(line.split()[1], 16)
                return frozenset(n for n in range(64) if bits >> n & 1)
    return frozenset()


def worth_keeping(held: frozenset[int]) -> frozenset[int]:
    return held & _FILE_OWNER_CAPABILITIES


def drop(keep: frozenset[int]) -> None:
    """Give up every capability but `keep`, also for whatever this process executes, irrevocably."""
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(64):
        if capability not in keep:
            try:
                libc.prctl(libc.PR_CAPBSET_DROP, capability)
            except OSError:  # EINVAL past the last one; EPERM where this process holds none anyway
                break
    with contextlib.suppress(OSError):  # before Linux 4.3
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    bits = sum(1 << capability for capability in keep)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    # Two records of (effective, permitted, inheritable): capabilities 0-31, then 32-63.
    sets = (ctypes.c_uint32 * 6)(bits & 0xFFFFFFFF, bits & 0xFFFFFFFF, 0, bits >> 32, bits >> 32, 0)
    libc.syscall("capset", ctypes.addressof(header), ctypes.addressof(sets))
