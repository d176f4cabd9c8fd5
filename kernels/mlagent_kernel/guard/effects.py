"""What a trial wrote: the difference between an overlay's upper directory and what lay below it."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH208

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from .mounts import Overlay, TrialView

_MOST = 300
_DEEPEST = 32
_COMPARED = 1 << 20
"""A file opened for writing is copied up whole; up to this size it counts only if its content changed."""
_IGNORED = frozenset({"__pycache__", ".ipynb_checkpoints"})
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_WHITEOUT_DEVICE = 0

FileChange = dict[str, "str | int | None"]


def changes(view: TrialView) -> list[FileChange]:
    """Files created, modified and deleted: `path`, `change` and `bytes` (None for deleted), at most 300."""
    found: list[FileChange] = []
    for overlay in view.overlays:
        try:
            upper = os.open(overlay.upper, _FLAGS | os.O_DIRECTORY, dir_fd=view.scratch)
        except OSError:
            continue
        try:
            for change in _walk(upper, overlay, ""):
                found.append(change)
                if len(found) >= _MOST:
                    return found
        finally:
            os.close(upper)
    return found


def _walk(directory: int, overlay: Overlay, relative: str) -> Iterator[FileChange]:
    """Changes below one directory of the upper layer, given as a descriptor (no path leads there)."""
    for name in sorted(os.listdir(directory)):
        inner = f"{relative}/{name}" if relative else name
        path = f"{overlay.path}/{inner}"
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            continue
        before = _before(overlay, inner)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == _WHITEOUT_DEVICE:
            if before is not None:
                yield {"path": path, "change": "deleted", "bytes": None}
        elif stat.S_ISDIR(status.st_mode):
            if name not in _IGNORED and inner.count("/") < _DEEPEST:
                yield from _walk_directory(directory, name, overlay, inner, before)
        elif before is None:
            yield {"path": path, "change": "created", "bytes": status.st_size}
        elif not _same(directory, name, status, overlay, inner, before):
            yield {"path": path, "change": "modified", "bytes": status.st_size}


def _walk_directory(
    directory: int, name: str, overlay: Overlay, inner: str, before: os.stat_result | None
) -> Iterator[FileChange]:
    try:
        opened = os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=directory)
    except OSError:
        return
    try:
        entries = os.listdir(opened)
        if before is not None and _is_opaque(opened):
            yield from _hidden(overlay, inner, frozenset(entries))
        if before is None and not entries:
            yield {"path": f"{overlay.path}/{inner}/", "change": "created", "bytes": 0}
        yield from _walk(opened, overlay, inner)
    finally:
        os.close(opened)


def _hidden(overlay: Overlay, inner: str, present: frozenset[str]) -> Iterator[FileChange]:
    """What was in a directory that the trial removed and made again."""
    for name in sorted(_list_before(overlay, inner)):
        if name not in present:
            yield {"path": f"{overlay.path}/{inner}/{name}", "change": "deleted", "bytes": None}


def _list_before(overlay: Overlay, inner: str) -> list[str]:
    try:
        opened = os.open(inner, _FLAGS | os.O_DIRECTORY, dir_fd=overlay.lower)
    except OSError:
        return []
    try:
        return os.listdir(opened)
    finally:
        os.close(opened)


def _before(overlay: Overlay, inner: str) -> os.stat_result | None:
    try:
        return os.stat(inner, dir_fd=overlay.lower, follow_symlinks=False)
    except OSError:
        return None


def _is_opaque(directory: int) -> bool:
    for name in ("user.overlay.opaque", "trusted.overlay.opaque"):
        try:
            if os.getxattr(directory, name) == b"y":
                return True
        except OSError:
            continue
    return False


def _same(
    directory: int, name: str, status: os.stat_result, overlay: Overlay, inner: str, before: os.stat_result
) -> bool:
    if (status.st_size, stat.S_IFMT(status.st_mode)) != (before.st_size, stat.S_IFMT(before.st_mode)):
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size > _COMPARED:
        return False
    return _content(name, directory) == _content(inner, overlay.lower)


def _content(path: str, directory: int) -> bytes | None:
    try:
        opened = os.open(path, _FLAGS, dir_fd=directory)
    except OSError:
        return None
    try:
        return os.pread(opened, _COMPARED + 1, 0)
    finally:
        os.close(opened)
