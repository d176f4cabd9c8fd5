"""Memory a fork shares with its parent for writing, made private.

np.memmap in mode "r+", multiprocessing's shared memory and anonymous shared mappings are the same pages in
parent and child: a store in the child changes the parent's arrays (and the file). Each such mapping is
replaced, at its address and with its content, by a private one.
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import stat
import struct
from dataclasses import dataclass

from . import libc
from .unnamed import open_unnamed

_SHARED_LINE = re.compile(rb"s [0-9a-f]{8,} [0-9a-f]+:[0-9a-f]+ ")
"""Finds candidates cheaply: a kernel has thousands of mappings and few shared ones."""
_LINE = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])s ([0-9a-f]+) (\S+) (\d+) *(.*)")
_CHUNK = 1 << 20
_MEMORY_FILES = ("/dev/zero", "/dev/shm/")  # noqa: S108 - no device behind these

# ioctl PROCMAP_QUERY on /proc/self/maps (Linux 6.11): the next mapping of a kind, the others skipped.
_PROCMAP_QUERY = 0xC0686611
_QUERY_SHARED, _QUERY_NEXT = 0x08, 0x10
_QUERY = struct.Struct("=QQQ QQQQQQ IIII QQ")


@dataclass(frozen=True)
class SharedMap:
    start: int
    length: int
    protection: int
    offset: int
    device: str
    """`major:minor`, hexadecimal, as in /proc/self/maps."""
    inode: int
    path: str


def shared_maps() -> list[SharedMap]:
    """This process' shared mappings; read-only ones too, since mprotect may make those writable."""
    with open("/proc/self/maps", "rb", buffering=0) as file:
        try:
            return _query(file.fileno())
        except OSError:  # before Linux 6.11
            return parse(file.readall())


def parse(maps: bytes) -> list[SharedMap]:
    """Shared mappings in the text of /proc/PID/maps (proc(5))."""
    found = []
    for candidate in _SHARED_LINE.finditer(maps):
        first = maps.rfind(b"\n", 0, candidate.start()) + 1
        line = _LINE.match(maps, first)
        if line is not None and line.start(6) == candidate.start() + 2:
            start, end, r, w, x, offset, device, inode, path = line.groups()
            protection = (r == b"r") * libc.PROT_READ | (w == b"w") * libc.PROT_WRITE
            protection |= (x == b"x") * libc.PROT_EXEC
            length = int(end, 16) - int(start, 16)
            place = int(start, 16), length, protection, int(offset, 16)
            found.append(SharedMap(*place, device.decode(), int(inode), os.fsdecode(path)))
    return found


def _query(maps: int) -> list[SharedMap]:
    """The same from the kernel's query interface. Raises OSError where there is none."""
    found: list[SharedMap] = []
    name = ctypes.create_string_buffer(4096)
    address = 0
    while True:
        flags = _QUERY_SHARED | _QUERY_NEXT
        empty = (0,) * 6
        question = (_QUERY.size, flags, address, *empty, 0, 0, len(name), 0, ctypes.addressof(name), 0)
        record = bytearray(_QUERY.pack(*question))
        try:
            fcntl.ioctl(maps, _PROCMAP_QUERY, record)
        except OSError as error:
            if error.errno == errno.ENOENT:  # no further mapping
                return found
            raise
        answer = _QUERY.unpack(record)
        start, end, protection, _, offset, inode, major, minor, name_size = answer[3:12]
        path = os.fsdecode(name.value) if name_size else ""
        place = start, end - start, protection & 7, offset
        found.append(SharedMap(*place, f"{major:02x}:{minor:02x}", inode, path))
        address = end


def needs_copy(mapping: SharedMap) -> bool:
    """Whether only a copy can make it private, because no path leads to a file behind it."""
    return not mapping.inode or mapping.path.endswith(" (deleted)")


def make_private() -> None:
    """Replace every shared mapping of this process. Raises OSError when one cannot be replaced."""
    maps = shared_maps()
    if not maps:
        return
    open_files = _open_files()
    for mapping in maps:
        if not _map_file(mapping, open_files.get((mapping.device, mapping.inode))):
            _map_copy(mapping)


def _identity(status: os.stat_result) -> tuple[str, int]:
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}", status.st_ino


def _open_files() -> dict[tuple[str, int], int]:
    """Descriptors of this process by the file they are open on: the way to files whose path is gone."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[_identity(os.fstat(int(name)))] = int(name)
        except OSError:  # the listing's own descriptor
            continue
    return found


def _map_file(mapping: SharedMap, descriptor: int | None) -> bool:
    """Map the same file privately; False when it cannot be had (anonymous, deleted, a device)."""
    if not mapping.inode:
        return False
    for source in (mapping.path, f"/proc/self/fd/{descriptor}" if descriptor is not None else ""):
        if not source:
            continue
        try:
            opened = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            continue
        try:
            status = os.fstat(opened)
            # The inode alone: some file systems (btrfs, overlay) show another device number in maps.
            if stat.S_ISREG(status.st_mode) and status.st_ino == mapping.inode:
                flags = libc.MAP_PRIVATE | libc.MAP_FIXED | libc.MAP_NORESERVE
                protection = mapping.protection
                libc.mmap(mapping.start, mapping.length, protection, flags, opened, mapping.offset)
                return True
        except OSError:
            continue
        finally:
            os.close(opened)
    return False


def _map_copy(mapping: SharedMap) -> None:
    flags = libc.MAP_PRIVATE | libc.MAP_FIXED | libc.MAP_NORESERVE
    device = mapping.path.startswith("/dev/") and not mapping.path.startswith(_MEMORY_FILES)
    if device or mapping.path.startswith("anon_inode:") or not mapping.protection & libc.PROT_READ:
        libc.mmap(mapping.start, mapping.length, 0, flags | libc.MAP_ANONYMOUS)
        return
    copy = open_unnamed("mlagent-map")
    try:
        os.ftruncate(copy, mapping.length)
        with open("/proc/self/mem", "rb", buffering=0) as memory:
            _copy_pages(memory.fileno(), copy, mapping)
        libc.mmap(mapping.start, mapping.length, mapping.protection, flags, copy, 0)
    finally:
        os.close(copy)


def _copy_pages(memory: int, copy: int, mapping: SharedMap) -> None:
    zeros = bytes(_CHUNK)
    for position in range(0, mapping.length, _CHUNK):
        size = min(_CHUNK, mapping.length - position)
        try:
            block = os.pread(memory, size, mapping.start + position)
        except OSError:  # past the end of a file that shrank: nothing to read there
            continue
        if block != zeros[: len(block)]:
            os.pwrite(copy, block, position)
