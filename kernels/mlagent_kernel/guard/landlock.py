"""Landlock (landlock(7), Linux 5.13): a process gives up rights over files, TCP and signals for good.

Only rights that change something are handled here, so reading and executing stay as they were.
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH112

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from . import libc

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE = 1 << 1
# REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM
_CHANGE_DIRECTORY = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_NET_BIND_TCP, _NET_CONNECT_TCP = 1, 2
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2


class _RulesetAttributes(ctypes.Structure):
    _fields_ = [
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    ]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def version() -> int:
    """The Landlock ABI of this kernel: 0 none, 3 truncation, 4 TCP, 6 signals and abstract sockets."""
    try:
        return libc.syscall("landlock_create_ruleset", 0, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def restrict(writable: Iterable[str], *, network: bool) -> int:
    """Let this process and its future children change files below `writable` only. Returns the ABI used.

    `network`: whether TCP stays allowed (from ABI 4 on it is refused otherwise). From ABI 6 on signals and
    abstract sockets reach nothing outside. Needs no_new_privs. Raises OSError where Landlock is missing.
    """
    abi = version()
    if abi == 0:
        raise OSError(38, "landlock: not in this kernel, or switched off")
    changes = _WRITE_FILE | _CHANGE_DIRECTORY
    changes |= (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0) | (_IOCTL_DEV if abi >= 5 else 0)
    attributes = _RulesetAttributes(
        changes,
        _NET_BIND_TCP | _NET_CONNECT_TCP if abi >= 4 and not network else 0,
        _SCOPE_ABSTRACT_UNIX_SOCKET | _SCOPE_SIGNAL if abi >= 6 else 0,
    )
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = libc.syscall("landlock_create_ruleset", ctypes.addressof(attributes), size, 0)
    try:
        for path in writable:
            _allow(ruleset, path, changes)
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
        libc.syscall("landlock_restrict_self", ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            access &= _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
        rule = _PathBeneath(access, parent)
        libc.syscall("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, ctypes.addressof(rule), 0)
    finally:
        os.close(parent)
