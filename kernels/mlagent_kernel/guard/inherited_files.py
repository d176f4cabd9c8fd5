"""Open files a fork shares with its parent, made harmless.

A descriptor inherited by fork refers to the parent's own open file: a read here moves the parent's offset, a
write lands in its file or its peer's connection. Every descriptor therefore keeps its number and loses its
meaning (/dev/null), or, for regular files and directories, is opened again by path, inside the guard.
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH115, PTH116, PTH208

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass

from .unnamed import open_unnamed

_SMALL = 64 << 20
"""Deleted files up to this size are copied; larger ones can no longer be read in a trial."""
_KEPT_DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"})
_REOPEN_FLAGS = os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK | os.O_DIRECTORY
_O_PATH = getattr(os, "O_PATH", 0)


@dataclass(frozen=True)
class OpenFile:
    """One inherited descriptor that is worth opening again."""

    descriptor: int
    path: str
    flags: int
    offset: int
    same: bool
    """False when `path` leads elsewhere by now (deleted or replaced)."""


@dataclass(frozen=True)
class Inheritance:
    files: tuple[OpenFile, ...]
    dead: tuple[int, ...]
    """Descriptors that only lose their meaning: sockets, pipes, terminals, devices, event files."""


def survey(keep: Iterable[int]) -> Inheritance:
    """Sort this process' descriptors, `keep` aside, before anything is mounted or opened."""
    kept = frozenset(keep)
    files: list[OpenFile] = []
    dead: list[int] = []
    for descriptor in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        if descriptor in kept:
            continue
        try:
            found = _examine(descriptor)
        except OSError as error:
            if error.errno != errno.EBADF:  # the listing's own descriptor is gone by now
                dead.append(descriptor)
            continue
        if found is None:
            dead.append(descriptor)
        else:
            files.append(found)
    return Inheritance(tuple(files), tuple(dead))


def _examine(descriptor: int) -> OpenFile | None:
    status = os.fstat(descriptor)
    path = os.readlink(f"/proc/self/fd/{descriptor}")
    regular, directory = stat.S_ISREG(status.st_mode), stat.S_ISDIR(status.st_mode)
    if not (regular or directory or (stat.S_ISCHR(status.st_mode) and path in _KEPT_DEVICES)):
        return None
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    if regular and not flags & _O_PATH and _is_database(descriptor, flags):
        return None
    try:
        there = os.stat(path)
        same = (there.st_dev, there.st_ino) == (status.st_dev, status.st_ino)
    except OSError:
        same = False
    seekable = regular and not flags & _O_PATH
    offset = os.lseek(descriptor, 0, os.SEEK_CUR) if seekable else 0
    return OpenFile(descriptor, path, flags & (_REOPEN_FLAGS | _O_PATH), offset, same)


def _is_database(descriptor: int, flags: int) -> bool:
    """IPython's history, then: with any other one open, a kernel is not forked.

    A trial writes no history, and opening it for writing would copy all of it into the overlay.
    """
    return flags & os.O_ACCMODE == os.O_RDWR and os.pread(descriptor, 16, 0) == b"SQLite format 3\x00"


def sever(inheritance: Inheritance, *, writable: bool) -> None:
    """Cut every surveyed descriptor off from the parent.

    `writable`: files may be opened for writing again, since the guard keeps writes apart. Otherwise what was
    open for reading and writing becomes read-only, what was open for writing only goes to /dev/null.
    """
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        for descriptor in inheritance.dead:
            _replace(descriptor, null)
        for file in inheritance.files:
            _replace_file(file, null, writable=writable)
    finally:
        os.close(null)


def deaden(descriptors: Iterable[int]) -> None:
    """Point descriptors at /dev/null."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        for descriptor in descriptors:
            if descriptor != null:
                _replace(descriptor, null)
    finally:
        os.close(null)


def _replace(descriptor: int, by: int) -> None:
    try:
        inheritable = os.get_inheritable(descriptor)
    except OSError:
        return
    os.dup2(by, descriptor, inheritable=inheritable)


def _replace_file(file: OpenFile, null: int, *, writable: bool) -> None:
    try:
        if stat.S_ISREG(os.fstat(file.descriptor).st_mode) and not file.same:
            fresh = _copy(file.descriptor)
        else:
            fresh = _reopen(file, writable=writable)
    except OSError:
        fresh = -1
    if fresh < 0:
        _replace(file.descriptor, null)
        return
    try:
        if file.offset:
            os.lseek(fresh, file.offset, os.SEEK_SET)
        _replace(file.descriptor, fresh)
    finally:
        os.close(fresh)


def _reopen(file: OpenFile, *, writable: bool) -> int:
    if not file.same:
        return -1
    flags = file.flags | os.O_CLOEXEC | os.O_NOCTTY
    access = file.flags & os.O_ACCMODE
    if not writable and file.path not in _KEPT_DEVICES and access != os.O_RDONLY:
        if access == os.O_WRONLY:
            return -1
        flags = flags & ~(os.O_ACCMODE | os.O_APPEND) | os.O_RDONLY
    try:
        return os.open(file.path, flags)
    except OSError:
        if access == os.O_WRONLY:
            raise
        # Open for writing on a file system the guard made read-only: what is there can still be read.
        return os.open(file.path, flags & ~(os.O_ACCMODE | os.O_APPEND) | os.O_RDONLY)


def _copy(descriptor: int) -> int:
    """A private copy of a file that no path leads to, or -1 when it is large."""
    size = os.fstat(descriptor).st_size
    if size > _SMALL:
        return -1
    copy = open_unnamed("mlagent-copy")
    try:
        done = 0
        while done < size:
            sent = os.sendfile(copy, descriptor, done, size - done)
            if sent == 0:
                break
            done += sent
    except OSError:
        os.close(copy)
        return -1
    return copy
