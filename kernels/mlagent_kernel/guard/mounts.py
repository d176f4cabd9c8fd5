"""The file system a trial sees: all of it read-only, overlays where it may write, a minimal /dev.

Writes go to a tmpfs of bounded size that nothing but the overlays refers to, so they vanish with the
supervisor. Needs Linux 5.12 (mount_setattr; overlays in user namespaces came with 5.11).
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH101, PTH102, PTH106, PTH110, PTH112, PTH123, PTH211

from __future__ import annotations

import contextlib
import os
import re
import stat
from dataclasses import dataclass

from . import libc
from .layout import Layout, Place
from .overlay_plan import is_within

_DEVICES = ("null", "zero", "full", "random", "urandom")
_ACCELERATORS = ("nvidia", "dri", "kfd", "dxg", "accel")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the place itself is meant
_SCRATCH = "/dev/.mlagent-scratch"
_EMPTY = _SCRATCH + "/empty"
_BYTES_PER_FILE = 4096
_READ_ONLY = libc.MOUNT_ATTR_RDONLY | libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NODEV
_RESERVED_PIDS = 301
"""The smallest pid_max that Linux takes; numbers below it are not given out again."""


@dataclass(frozen=True)
class Overlay:
    """One directory whose writes are kept apart."""

    path: str
    lower: int
    """Descriptor of the directory as it was (O_PATH)."""
    upper: str
    """Name, below the scratch directory, of what was written."""


@dataclass(frozen=True)
class TrialView:
    overlays: tuple[Overlay, ...]
    scratch: int
    """Descriptor of the scratch directory (no path leads to it)."""
    sealed: bool
    """No Unix socket of the machine can be reached by its path."""

    def close(self) -> None:
        for descriptor in (self.scratch, *(overlay.lower for overlay in self.overlays)):
            os.close(descriptor)


def build(plan: Layout, *, disk_bytes: int, new_user: bool) -> TrialView:
    """Rearrange this process' mount namespace, which must be its own. Raises OSError."""
    places = {place.path: place for place in plan.places}
    lowers = _open_directories([*places, *plan.shields.overlaid])
    covered = _clone_covered(plan, [*places, *plan.shields.overlaid])
    devices = _clone_devices()
    libc.set_mount_attributes("/", _READ_ONLY, recursive=True, private=True)
    _mount_dev(devices)
    scratch = _mount_scratch(disk_bytes)
    overlays = []
    sealed = plan.shields.complete
    for index, path in enumerate(sorted({*lowers, *covered})):
        if path in places and path in lowers:
            overlay = Overlay(path, lowers.pop(path), f"upper{index}")
            if _mount_overlay(overlay, places[path], new_user=new_user):
                overlays.append(overlay)
                continue
            os.close(overlay.lower)
            sealed = False
        elif path in lowers:
            if _mount_shield(lowers[path], path, new_user=new_user):
                continue
            sealed = False
        if path in covered:
            _put_back(covered[path], path)
    for descriptor in (*lowers.values(), *covered.values()):
        os.close(descriptor)
    for path in plan.shields.emptied:
        libc.mount("tmpfs", path, "tmpfs", libc.MS_NOSUID | libc.MS_NODEV, "size=4k,mode=755")
        libc.set_mount_attributes(path, _READ_ONLY, recursive=False)
    libc.detach_mount(_SCRATCH)
    os.rmdir(_SCRATCH)
    if plan.cwd is not None:
        os.chdir(plan.cwd)
    return TrialView(tuple(overlays), scratch, sealed)


def _open_directories(paths: list[str]) -> dict[str, int]:
    """What of `paths` can be had; the rest (gone meanwhile, closed, a file) stays as it is, read-only."""
    opened = {}
    for path in paths:
        with contextlib.suppress(OSError):
            opened[path] = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return opened


def _clone_covered(plan: Layout, covering: list[str]) -> dict[str, int]:
    """Copies of the mounts that overlays will hide and that must be put back on top of them."""
    clones = {}
    for mount in plan.mounts:
        if any(mount.point != path and is_within(mount.point, path) for path in covering):
            with contextlib.suppress(OSError):  # hidden already, under another mount
                clones[mount.point] = libc.clone_mount(mount.point, recursive=False)
    return clones


def _mount_scratch(disk_bytes: int) -> int:
    options = f"size={disk_bytes},nr_inodes={4096 + disk_bytes // _BYTES_PER_FILE},mode=700"
    os.mkdir(_SCRATCH, 0o700)
    libc.mount("tmpfs", _SCRATCH, "tmpfs", libc.MS_NOSUID | libc.MS_NODEV, options)
    os.mkdir(_EMPTY, 0o755)
    return os.open(_SCRATCH, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def mount_private_proc(tasks: int) -> None:
    """In the first process of a PID namespace: show only its processes in /proc, and bound their number.

    Containers that mask parts of their own /proc refuse it; the read-only one of before stays then. The bound
    on tasks (processes and threads) holds from Linux 6.14 on, where pid_max belongs to the namespace.
    """
    flags = libc.MS_NOSUID | libc.MS_NODEV | libc.MS_NOEXEC
    try:
        libc.mount("proc", "/proc", "proc", flags)
    except OSError:
        return
    try:
        if _kernel_version() >= (6, 14):
            with open("/proc/sys/kernel/pid_max", "w") as pid_max:
                pid_max.write(str(_RESERVED_PIDS + tasks))
            # Or the numbers below could each be had once, and a fork bomb be ten times that large.
            with open("/proc/sys/kernel/ns_last_pid", "w") as last_pid:
                last_pid.write(str(_RESERVED_PIDS))
    except OSError:
        pass
    finally:
        libc.set_mount_attributes("/proc", libc.MOUNT_ATTR_RDONLY, recursive=False)


def _kernel_version() -> tuple[int, int]:
    major, minor = re.match(r"(\d+)\.(\d+)", os.uname().release).groups()  # type: ignore[union-attr]
    return int(major), int(minor)


def _mount_overlay(overlay: Overlay, place: Place, *, new_user: bool) -> bool:
    upper, work = f"{_SCRATCH}/{overlay.upper}", f"{_SCRATCH}/work-{overlay.upper}"
    lower = f"/proc/self/fd/{overlay.lower}"
    os.mkdir(upper)
    os.mkdir(work)
    _copy_ownership(place, upper)
    data = f"lowerdir={lower},upperdir={upper},workdir={work}" + (",userxattr" if new_user else "")
    try:
        libc.mount("overlay", overlay.path, "overlay", libc.MS_NOSUID | libc.MS_NODEV, data)
    except OSError:
        # A file system that cannot lie under an overlay (some FUSE and network ones) stays read-only.
        return False
    return True


def _copy_ownership(place: Place, target: str) -> None:
    mode = place.mode
    try:
        os.chown(target, place.user, place.group)
    except OSError:
        # Not ours and so, in a user namespace, not to be given away: writable exactly if it was.
        mode = mode | 0o700 if place.writable else mode & ~0o222
    os.chmod(target, mode)


def _mount_shield(lower: int, path: str, *, new_user: bool) -> bool:
    """Show a directory through an overlay that takes no writes; it needs a second, empty layer."""
    data = f"lowerdir=/proc/self/fd/{lower}:{_EMPTY}" + (",userxattr" if new_user else "")
    try:
        libc.mount("overlay", path, "overlay", libc.MS_RDONLY | libc.MS_NOSUID | libc.MS_NODEV, data)
    except OSError:
        return False
    return True


def _put_back(descriptor: int, point: str) -> None:
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            libc.attach_mount(descriptor, point)
            libc.set_mount_attributes(point, _READ_ONLY, recursive=False)


def _clone_devices() -> list[tuple[str, int, bool]]:
    devices = []
    names = list(_DEVICES)
    with os.scandir("/dev") as entries:
        names += sorted(entry.name for entry in entries if entry.name.startswith(_ACCELERATORS))
    for name in names:
        path = "/dev/" + name
        if os.path.exists(path):
            devices.append((path, libc.clone_mount(path, recursive=True), os.path.isdir(path)))
    return devices


def _mount_dev(devices: list[tuple[str, int, bool]]) -> None:
    flags = libc.MS_NOSUID | libc.MS_NOEXEC
    libc.mount("tmpfs", "/dev", "tmpfs", flags, "size=1m,nr_inodes=1024,mode=755")
    for path, descriptor, directory in devices:
        if directory:
            os.mkdir(path)
        else:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        libc.attach_mount(descriptor, path)
        os.close(descriptor)
    os.mkdir("/dev/pts")
    try:
        libc.mount("devpts", "/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=620")
        os.symlink("pts/ptmx", "/dev/ptmx")
    except OSError:
        pass
    os.mkdir(_SHARED_MEMORY)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink("/proc/self/fd" + target, "/dev/" + name)
