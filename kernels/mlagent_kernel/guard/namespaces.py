"""Entering new user, mount, network, IPC and UTS namespaces (namespaces(7)), with the same user as before."""

from __future__ import annotations

import fcntl
import os
import socket
import struct

from . import libc

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_SHARED = libc.CLONE_NEWNS | libc.CLONE_NEWNET | libc.CLONE_NEWIPC | libc.CLONE_NEWUTS


def enter(*, new_user: bool) -> None:
    """Leave the kernel's namespaces. Call with a single thread. Raises OSError where the system forbids it.

    `new_user`: make a user namespace first (the only way for an ordinary user), with this user and group
    alone mapped to themselves. Without it this process needs CAP_SYS_ADMIN.
    """
    user, group = os.geteuid(), os.getegid()
    libc.unshare(_SHARED | (libc.CLONE_NEWUSER if new_user else 0))
    if new_user:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _bring_loopback_up()


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))
