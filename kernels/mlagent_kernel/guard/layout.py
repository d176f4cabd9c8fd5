"""What the file system of a trial will look like, found out before any namespace is entered."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH112, PTH116, PTH117, PTH123

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from . import overlay_plan

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the place itself is meant


@dataclass(frozen=True)
class Place:
    """A directory to overlay, as it was seen with the kernel's own eyes (a user namespace hides owners)."""

    path: str
    user: int
    group: int
    mode: int
    writable: bool


@dataclass(frozen=True)
class Layout:
    cwd: str | None
    """Working directory to cover and to stand in afterwards; None when it was deleted."""
    places: tuple[Place, ...]
    shields: overlay_plan.Shields
    mounts: tuple[overlay_plan.Mount, ...]


def plan(*, cwd: str | None, new_user: bool) -> Layout:
    """`new_user`: the mount namespace will belong to a user namespace."""
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = overlay_plan.parse_mountinfo(file.read())
    top_level = _top_level()
    paths = overlay_plan.targets(
        _wanted(cwd),
        top_level,
        mounts,
        subdirectories=_subdirectories,
        copyable=_is_own if new_user else lambda _path: True,
        over_mounts=not new_user,
    )
    shields = overlay_plan.shields(
        paths,
        top_level,
        mounts,
        subdirectories=_subdirectories,
        holds_socket=_holds_socket,
        reachable=lambda path: os.access(path, os.X_OK),
        over_mounts=not new_user,
    )
    places = [place for place in map(_place, [*paths, _SHARED_MEMORY]) if place is not None]
    return Layout(cwd, tuple(places), shields, tuple(mounts))


def _place(path: str) -> Place | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    mode = stat.S_IMODE(status.st_mode)
    return Place(path, status.st_uid, status.st_gid, mode, os.access(path, os.W_OK))


def _wanted(cwd: str | None) -> list[str]:
    home = os.environ.get("HOME") or ""
    temporary = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108
    candidates = [cwd or "", home, temporary, "/tmp", "/var/tmp"]  # noqa: S108
    return [os.path.realpath(path) for path in candidates if os.path.isabs(path) and os.path.isdir(path)]


def _top_level() -> list[str]:
    with os.scandir("/") as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def _subdirectories(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _is_own(path: str) -> bool:
    """Whether the user and group of this process, all that its user namespace knows, own a directory."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid())


def _holds_socket(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode) for entry in entries)
    except OSError:
        return False
