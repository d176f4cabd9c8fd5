"""Memory a fork shares with its parent for writing, made private.

np.memmap in mode "r+", multiprocessing's shared memory and anonymous shared mappings are the same pages in
parent and child: a store in the child changes the parent's arrays (and the file). Each such mapping is
replaced, at its address and with its content, by a private one.
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass

from . import libc

_LINE = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])s ([0-9a-f]+) (\S+) (\d+) *(.*)$", re.M)
_CHUNK = 1 << 20
_MEMORY_FILES = ("/dev/zero", "/dev/shm/")  # noqa: S108 - no device behind these


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
    with open("/proc/self/maps", "rb") as file:
        text = file.read()
    found = []
    for start, end, r, w, x, offset, device, inode, path in _LINE.findall(text):
        protection = (r == b"r") * libc.PROT_READ | (w == b"w") * libc.PROT_WRITE
        protection |= (x == b"x") * libc.PROT_EXEC
        first = int(start, 16)
        found.append(
            SharedMap(
                first,
                int(end, 16) - first,
                protection,
                int(offset, 16),
                device.decode(),
                int(inode),
                os.fsdecode(path),
            )
        )
    return found


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
    copy = os.memfd_create("mlagent-map", os.MFD_CLOEXEC)
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
