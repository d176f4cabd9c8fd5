"""The file system a trial sees: all of it read-only, overlays where it may write, a minimal /dev.

Writes go to a tmpfs of bounded size that nothing but the overlays refers to, so they vanish with the
supervisor. Needs Linux 5.12 (mount_setattr; overlays in user namespaces came with 5.11).
"""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH101, PTH102, PTH106, PTH110, PTH112, PTH116, PTH117, PTH123, PTH211

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass

from . import libc, overlay_plan

_DEVICES = ("null", "zero", "full", "random", "urandom")
_ACCELERATORS = ("nvidia", "dri", "kfd", "dxg", "accel")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the place itself is meant
_SCRATCH = "/dev/.mlagent-scratch"
_BYTES_PER_FILE = 4096
_RESERVED_PIDS = 301
"""The smallest pid_max that Linux takes."""


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

    def close(self) -> None:
        for descriptor in (self.scratch, *(overlay.lower for overlay in self.overlays)):
            os.close(descriptor)


@dataclass(frozen=True)
class Place:
    """A directory to overlay, as it was seen with the kernel's own eyes (a user namespace hides owners)."""

    path: str
    user: int
    group: int
    mode: int
    writable: bool


@dataclass(frozen=True)
class Plan:
    cwd: str | None
    places: tuple[Place, ...]
    mounts: tuple[overlay_plan.Mount, ...]


def plan(*, cwd: str | None, new_user: bool) -> Plan:
    """What `build` will do; to be made before any namespace is entered.

    `cwd` is the working directory to cover and to stand in afterwards; None when it was deleted.
    `new_user`: the mount namespace will belong to a user namespace.
    """
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = overlay_plan.parse_mountinfo(file.read())
    paths = overlay_plan.targets(
        _wanted(cwd),
        _top_level(),
        mounts,
        subdirectories=_subdirectories,
        copyable=_is_own if new_user else lambda _path: True,
        over_mounts=not new_user,
    )
    if os.path.isdir(_SHARED_MEMORY):
        paths.append(_SHARED_MEMORY)
    places = []
    for path in paths:
        status = os.stat(path)
        mode = stat.S_IMODE(status.st_mode)
        places.append(Place(path, status.st_uid, status.st_gid, mode, os.access(path, os.W_OK)))
    return Plan(cwd, tuple(places), tuple(mounts))


def build(intended: Plan, *, disk_bytes: int, new_user: bool) -> TrialView:
    """Rearrange this process' mount namespace, which must be its own. Raises OSError."""
    places = {place.path: place for place in intended.places}
    lowers = {path: os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for path in places}
    covered = {
        mount.point: libc.clone_mount(mount.point, recursive=False)
        for mount in intended.mounts
        if mount.point not in places and any(overlay_plan.is_within(mount.point, path) for path in places)
    }
    devices = _clone_devices()

    read_only = libc.MOUNT_ATTR_RDONLY | libc.MOUNT_ATTR_NOSUID | libc.MOUNT_ATTR_NODEV
    libc.set_mount_attributes("/", read_only, recursive=True, private=True)
    _mount_dev(devices)
    flags = libc.MS_NOSUID | libc.MS_NODEV
    options = f"size={disk_bytes},nr_inodes={4096 + disk_bytes // _BYTES_PER_FILE},mode=700"
    os.mkdir(_SCRATCH, 0o700)
    libc.mount("tmpfs", _SCRATCH, "tmpfs", flags, options)
    overlays = []
    for index, path in enumerate(sorted({*lowers, *covered})):
        if path in covered:
            _put_back(covered[path], path, read_only)
            continue
        overlay = Overlay(path, lowers[path], f"upper{index}")
        if _mount_overlay(overlay, places[path], new_user=new_user):
            overlays.append(overlay)
        else:
            os.close(overlay.lower)
    scratch = os.open(_SCRATCH, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    libc.detach_mount(_SCRATCH)
    os.rmdir(_SCRATCH)
    if intended.cwd is not None:
        os.chdir(intended.cwd)
    return TrialView(tuple(overlays), scratch)


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
    except OSError:
        pass
    finally:
        libc.set_mount_attributes("/proc", libc.MOUNT_ATTR_RDONLY, recursive=False)


def _kernel_version() -> tuple[int, int]:
    major, minor = re.match(r"(\d+)\.(\d+)", os.uname().release).groups()  # type: ignore[union-attr]
    return int(major), int(minor)


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


def _put_back(descriptor: int, point: str, attributes: int) -> None:
    try:
        libc.attach_mount(descriptor, point)
    except OSError:
        pass
    else:
        libc.set_mount_attributes(point, attributes, recursive=False)
    finally:
        os.close(descriptor)


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
