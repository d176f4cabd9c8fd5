"""A system call filter (seccomp(2)) as classic BPF: what no trial needs and a hostile one would use.

Refusals look like ordinary errors of the system. Changing permissions, owners and times of files pretends to
succeed: neither read-only mounts (by way of /proc/self/exe, which leads out of them) nor Landlock stop it,
and programs that copy files expect it to work.
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH110

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from . import libc, refusals, syscalls

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_JUMP, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT = 0x05, 0x15, 0x35, 0x45
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_SECCOMP_MODE_FILTER = 2

_NAMESPACE_FLAGS = 0x7E020080
"""CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; NEWTIME lies within clone's
signal byte, where no signal has that bit."""
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_STREAM, _SOCK_SEQPACKET, _SOCK_TYPE_MASK = 1, 5, 0xF
_IOCTL_TYPE_MASK = 0xFF00
_IOCTL_WRITE_TYPE_MASK = 0xC000FF00
_PR_SET_DUMPABLE = 4
_FCNTL_SIGNALS = (8, 10, 15)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: a file that becomes ready sends any signal to any process of the user."""
_O_TRUNC_ON_READ = os.O_TRUNC


@dataclass(frozen=True)
class _Instruction:
    code: int
    value: int
    if_true: int = 0
    if_false: int = 0

    def packed(self) -> bytes:
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.value)


def _refuse(code: int) -> _Instruction:
    return _Instruction(_RETURN, _ERRNO | code)


def _argument(index: int) -> _Instruction:
    """Load the low half of an argument (both architectures are little endian): all that the checks need."""
    return _Instruction(_LOAD, _ARGUMENTS + 8 * index)


def _call(name: str, body: Iterable[_Instruction]) -> list[_Instruction]:
    """Instructions that run `body`, which must return in every case, if the call is this one."""
    number = syscalls.number(name)
    instructions = list(body)
    if number is None:
        return []
    return [_Instruction(_JUMP_EQUAL, number, 0, len(instructions)), *instructions]


def _allow_only(values: Iterable[int], code: int) -> list[_Instruction]:
    """Allow if the accumulator holds one of the values."""
    checks: list[_Instruction] = []
    for value in values:
        checks += [_Instruction(_JUMP_EQUAL, value, 0, 1), _Instruction(_RETURN, _ALLOW)]
    return [*checks, _refuse(code)]


def _refuse_values(values: Iterable[int], code: int) -> list[_Instruction]:
    """Refuse if the accumulator holds one of the values, and allow otherwise."""
    checks: list[_Instruction] = []
    for value in values:
        checks += [_Instruction(_JUMP_EQUAL, value, 0, 1), _refuse(code)]
    return [*checks, _Instruction(_RETURN, _ALLOW)]


def _refuse_any_bit(mask: int, code: int) -> list[_Instruction]:
    return [_Instruction(_JUMP_ANY_BIT, mask, 0, 1), _refuse(code), _Instruction(_RETURN, _ALLOW)]


def _sockets(*, internet: bool, unix: bool) -> list[_Instruction]:
    netlink_route = [_argument(2), *_allow_only([0], errno.EACCES)]
    families = ([_AF_INET, _AF_INET6] if internet else []) + ([_AF_UNIX] if unix else [])
    socket = [
        _argument(0),
        _Instruction(_JUMP_EQUAL, _AF_NETLINK, 0, len(netlink_route)),
        *netlink_route,
        *_allow_only(families, errno.EACCES),
    ]
    if unix:
        return _call("socket", socket)
    # A datagram pair could still send to any address.
    pair = [
        _argument(1),
        _Instruction(_AND, _SOCK_TYPE_MASK),
        *_allow_only([_SOCK_STREAM, _SOCK_SEQPACKET], errno.EACCES),
    ]
    return [*_call("socket", socket), *_call("socketpair", pair)]


def _ioctls() -> list[_Instruction]:
    tiocsti, tioclinux, btrfs = 0x5412, 0x541C, 0x9400
    body = [_argument(1)]
    for value in (tiocsti, tioclinux):
        body += [_Instruction(_JUMP_EQUAL, value, 0, 1), _refuse(errno.EPERM)]
    # Changing flags and attributes of files ('f' and 'X', write direction) and all that btrfs offers.
    for mask, kinds in ((_IOCTL_WRITE_TYPE_MASK, (0x40006600, 0x40005800)), (_IOCTL_TYPE_MASK, (btrfs,))):
        body += [_argument(1), _Instruction(_AND, mask)]
        for kind in kinds:
            body += [_Instruction(_JUMP_EQUAL, kind, 0, 1), _refuse(errno.EPERM)]
    return _call("ioctl", [*body, _Instruction(_RETURN, _ALLOW)])


def _prctls() -> list[_Instruction]:
    options = (libc.PR_SET_PDEATHSIG, _PR_SET_DUMPABLE)
    return _call("prctl", [_argument(0), *_refuse_values(options, errno.EPERM)])


def _other_processes(own: int, *, signals_are_scoped: bool) -> list[_Instruction]:
    rules: list[_Instruction] = []
    for name in refusals.OTHER_PROCESSES:
        rules += _call(name, [_refuse(errno.EPERM)])
    for name in refusals.FIRST_ARGUMENT_IS_SELF:
        rules += _call(name, [_argument(0), *_allow_only([0, own], errno.EPERM)])
    if not signals_are_scoped:
        # Its own process and its own group; children cannot be told from strangers here.
        for name in ("kill", "tgkill"):
            rules += _call(name, [_argument(0), *_allow_only([0, own], errno.EPERM)])
        for name in ("tkill", "pidfd_send_signal"):
            rules += _call(name, [_refuse(errno.EPERM)])
        rules += _call("fcntl", [_argument(1), *_refuse_values(_FCNTL_SIGNALS, errno.EPERM)])
    return rules


def _truncation() -> list[_Instruction]:
    """For Landlock before ABI 3, which does not see that a file is emptied without being opened to write."""
    rules = _call("truncate", [_refuse(errno.EACCES)]) + _call("openat2", [_refuse(errno.ENOSYS)])
    for name, position in (("open", 1), ("openat", 2)):
        writes = [
            _argument(position),
            _Instruction(_JUMP_ANY_BIT, os.O_WRONLY | os.O_RDWR, 0, 1),
            _Instruction(_RETURN, _ALLOW),
            *_refuse_any_bit(_O_TRUNC_ON_READ, errno.EACCES),
        ]
        rules += _call(name, writes)
    return rules


@lru_cache(maxsize=4)
def program(*, namespaces: bool, landlock: int, own_pid: int, unix_sockets: bool) -> bytes:
    """The filter as an array of struct sock_filter.

    `namespaces`: the trial has PID, IPC and network namespaces of its own; then `own_pid` does not matter.
    `landlock`: the ABI in force. `unix_sockets`: none with a path leads out of the trial.
    """
    rules = [
        _Instruction(_LOAD, _ARCHITECTURE),
        _Instruction(_JUMP_EQUAL, _AUDIT_ARCHITECTURE[syscalls.MACHINE], 1, 0),
        _refuse(errno.ENOSYS),
        _Instruction(_LOAD, _NUMBER),
    ]
    if syscalls.MACHINE == "x86_64":
        rules += [_Instruction(_JUMP_AT_LEAST, _X32, 0, 1), _refuse(errno.ENOSYS)]
    for names, code in (
        (refusals.REFUSED, errno.EPERM),
        (refusals.ABSENT, errno.ENOSYS),
        (refusals.PRETENDED, 0),
        (refusals.UNSUPPORTED, errno.ENOTSUP),
    ):
        for name in names:
            rules += _call(name, [_refuse(code)])
    for name in ("clone", "unshare"):
        mask = _NAMESPACE_FLAGS if name == "unshare" else _NAMESPACE_FLAGS & ~0xFF
        rules += _call(name, [_argument(0), *_refuse_any_bit(mask, errno.EPERM)])
    rules += _sockets(internet=namespaces, unix=unix_sockets) + _ioctls() + _prctls()
    if not namespaces:
        rules += _other_processes(own_pid, signals_are_scoped=landlock >= 6)
        if landlock < 3:
            rules += _truncation()
    rules.append(_Instruction(_RETURN, _ALLOW))
    return b"".join(rule.packed() for rule in rules)


def available() -> bool:
    """Whether this kernel filters system calls and this architecture is one the filter knows."""
    return bool(syscalls.MACHINE) and os.path.exists("/proc/sys/kernel/seccomp/actions_avail")


def install(filter_program: bytes) -> None:
    """Bind this thread and all it starts, for good. Raises OSError."""
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    code = ctypes.create_string_buffer(filter_program, len(filter_program))

    class _Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    record = _Program(len(filter_program) // 8, ctypes.addressof(code))
    libc.prctl(libc.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(record))
