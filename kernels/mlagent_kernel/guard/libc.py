"""The few kernel calls that Python's standard library does not offer, through ctypes.

`PyDLL` and not `CDLL`: the calls are short, and a process that has just forked should not give up its
interpreter lock in the middle of one.
"""

from __future__ import annotations

import ctypes
import os

from . import syscalls

_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_MAP_FAILED = ctypes.c_void_p(-1).value

PROT_READ, PROT_WRITE, PROT_EXEC = 1, 2, 4
MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE = 0x02, 0x10, 0x20, 0x4000

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000
_SIGCHLD = 17

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
MS_PRIVATE = 1 << 18
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_AT_EMPTY_PATH = 0x1000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
_PR_GET_TID_ADDRESS = 40


def _failed(what: str) -> OSError:
    code = ctypes.get_errno()
    return OSError(code, f"{what}: {os.strerror(code)}")


def syscall(name: str, *arguments: int | bytes) -> int:
    """Make a system call by name. Raises OSError, whose text names the call."""
    number = syscalls.number(name)
    if number is None:
        raise OSError(38, f"{name}: not on this architecture")
    words = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    result = int(_libc.syscall(ctypes.c_long(number), *words))
    if result < 0:
        raise _failed(name)
    return result


def prctl(option: int, *arguments: int) -> int:
    words = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    result = int(_libc.prctl(ctypes.c_int(option), *words))
    if result < 0:
        raise _failed("prctl")
    return result


def unshare(flags: int) -> None:
    syscall("unshare", flags)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    syscall("mount", os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(data))


def detach_mount(target: str) -> None:
    syscall("umount2", os.fsencode(target), MNT_DETACH)


def clone_mount(path: str, *, recursive: bool) -> int:
    """A detached copy of the mount at `path`, as a descriptor for `attach_mount` (Linux 5.2)."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    return syscall("open_tree", _AT_FDCWD, os.fsencode(path), flags)


def attach_mount(descriptor: int, target: str) -> None:
    syscall("move_mount", descriptor, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)


def set_mount_attributes(path: str, attributes: int, *, recursive: bool, private: bool = False) -> None:
    """Add mount attributes, to everything below too when `recursive` (mount_setattr, Linux 5.12)."""
    # struct mount_attr: attr_set, attr_clr, propagation, userns_fd
    record = (ctypes.c_uint64 * 4)(attributes, 0, MS_PRIVATE if private else 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    syscall(
        "mount_setattr", _AT_FDCWD, os.fsencode(path), flags, ctypes.addressof(record), ctypes.sizeof(record)
    )


def mmap(
    address: int, length: int, protection: int, flags: int, descriptor: int = -1, offset: int = 0
) -> int:
    mapped = _libc.mmap(address, length, protection, flags, descriptor, offset)
    if mapped is None or mapped == _MAP_FAILED:
        raise _failed("mmap")
    return int(mapped)


def fork_into(namespaces: int) -> int:
    """`os.fork`, with the child alone in new namespaces (CLONE_NEW* flags). 0 in the child.

    unshare(CLONE_NEWPID) followed by fork would do the same, but a process that did it can start no more
    threads (clone(2), EINVAL), and the supervisor needs one. So the clone is made here, with what glibc's
    fork would add: the child's thread id stored where glibc keeps it, and the robust futex list kept.
    Only for a process with a single thread: handlers of pthread_atfork do not run.
    """
    thread_id = ctypes.c_void_p()
    # Needs a kernel built with CHECKPOINT_RESTORE, as all distributions' are.
    if _libc.prctl(_PR_GET_TID_ADDRESS, ctypes.byref(thread_id), 0, 0, 0) != 0 or not thread_id.value:
        raise _failed("prctl(PR_GET_TID_ADDRESS)")
    head, size = ctypes.c_void_p(), ctypes.c_size_t()
    syscall("get_robust_list", 0, ctypes.addressof(head), ctypes.addressof(size))
    flags = namespaces | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID | _SIGCHLD
    # The order of the last two arguments differs between architectures (CONFIG_CLONE_BACKWARDS).
    tail = (thread_id.value, 0) if syscalls.MACHINE == "x86_64" else (0, thread_id.value)
    ctypes.pythonapi.PyOS_BeforeFork()
    try:
        child = syscall("clone", flags, 0, 0, *tail)
    except OSError:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
        raise
    if child:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
        return child
    ctypes.pythonapi.PyOS_AfterFork_Child()
    if head.value:
        syscall("set_robust_list", head.value, size.value)
    return 0
