"""Which directories a trial may write to (into thin air), and how the rest is shown: decisions over paths.

Everything else becomes read-only. An overlay shows one file system only, and an ordinary user may not put
one over a directory with mounts below it (the kernel would have to reveal what they hide), so the plan takes,
for each place worth writing to, the widest directory around it that holds no further mount.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_APART = ("/dev", "/proc", "/sys")
_NEVER = frozenset({"/", *_APART})
_SYSTEM = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "nix", "proc", "run", "sbin", "snap"}
    | {"sys", "usr", "lost+found"}
)
_NO_FILES = frozenset(
    {"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs"}
    | {
        "efivarfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "securityfs",
        "sysfs",
        "tracefs",
    }
)
_NO_LISTENERS = frozenset({"bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "lost+found", "nix"}) | {
    "sbin",
    "snap",
    "usr",
}
"""Where programs lie and no service listens: shown as they are when an overlay is not to be had."""
_MOST = 24
_MOST_SHIELDS = 48
"""Overlays at most: each costs about a tenth of a millisecond."""


@dataclass(frozen=True)
class Mount:
    point: str
    kind: str
    read_only: bool


def parse_mountinfo(text: bytes) -> list[Mount]:
    r"""The lines of /proc/self/mountinfo (proc(5)), octal escapes such as \040 undone."""
    mounts = []
    for line in text.splitlines():
        before, separator, after = line.partition(b" - ")
        fields = before.split(b" ")
        if separator and len(fields) > 5:
            point = re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8)]), fields[4])
            read_only = b"ro" in fields[5].split(b",") or b"ro" in after.split(b" ")[-1].split(b",")
            mounts.append(Mount(os.fsdecode(point), os.fsdecode(after.split(b" ")[0]), read_only))
    return mounts


def is_within(path: str, directory: str) -> bool:
    """True when `path` is `directory` or below it; both absolute and normalised."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def widest(path: str, mounts: Iterable[Mount], copyable: Callable[[str], bool]) -> str | None:
    """The highest ancestor of `path` (or itself) to put an overlay on; None: not even `path` will do.

    It lies below `/`, has no mount strictly below, and every directory between it and `path` is `copyable`:
    an overlay copies a directory up before the first file in it is made, owner included, and an ordinary
    user's overlay cannot do that for other people's (EOVERFLOW).
    """
    points = [mount.point for mount in mounts if mount.point != "/"]
    parts = path.strip("/").split("/")
    best = None
    for depth in range(len(parts), 0, -1):
        candidate = "/" + "/".join(parts[:depth])
        if candidate in _NEVER or (depth == 1 and parts[0] in _SYSTEM and len(parts) > 1):
            break
        if any(point != candidate and is_within(point, candidate) for point in points):
            break
        best = candidate
        if not copyable(candidate):
            break
    return best


def targets(
    wanted: Iterable[str],
    top_level: Iterable[str],
    mounts: Iterable[Mount],
    *,
    subdirectories: Callable[[str], Iterable[str]],
    copyable: Callable[[str], bool],
    over_mounts: bool,
) -> list[str]:
    """The directories to overlay, each before those inside it.

    `wanted`: where writes must succeed (working directory, home, temporary directories), real paths.
    `top_level`: names in `/`. `subdirectories` lists the directories in one, as paths; it is asked only about
    a wanted directory that cannot itself be covered. `over_mounts`: this process may cover a directory that
    has mounts below it (it puts them back on top).
    """
    known = list(mounts)
    chosen: set[str] = set()

    def choose(path: str) -> None:
        place = widest(path, known, copyable)
        if path not in _NEVER and len(chosen) < _MOST and (place is not None or over_mounts):
            chosen.add(place or path)

    for path in wanted:
        if widest(path, known, copyable) is not None or over_mounts:
            choose(path)
        else:
            for child in subdirectories(path):
                choose(child)
    for name in top_level:
        directory = "/" + name
        if name not in _SYSTEM:
            inner = [m for m in known if m.point != directory and is_within(m.point, directory)]
            if not inner:
                choose(directory)
            for mount in inner:
                if not mount.read_only and mount.kind not in _NO_FILES:
                    choose(mount.point)
    return sorted(chosen)


@dataclass(frozen=True)
class Shields:
    """How what is read-only is shown, so that no Unix socket in it leads to a service of the machine.

    A socket is reached by its inode, and through an overlay it has another one. Network namespaces do not
    separate sockets that have a path.
    """

    overlaid: tuple[str, ...]
    emptied: tuple[str, ...]
    complete: bool
    """Nothing is left through which a service could be reached."""


def shields(
    covered: Iterable[str],
    top_level: Iterable[str],
    mounts: Iterable[Mount],
    *,
    subdirectories: Callable[[str], Iterable[str]],
    holds_socket: Callable[[str], bool],
    reachable: Callable[[str], bool],
    over_mounts: bool,
) -> Shields:
    """Read-only overlays for what `covered` (the targets) leaves.

    `holds_socket`: whether a directory itself has a socket in it. `reachable`: whether this user may enter.
    """
    targets = list(covered)
    points = [m for m in mounts if m.point != "/" and not any(is_within(m.point, never) for never in _APART)]
    overlaid: set[str] = set()
    emptied: set[str] = set()
    complete = True

    def shield(directory: str) -> None:
        nonlocal complete
        if directory in _NEVER or any(is_within(directory, target) for target in targets):
            return
        below = [m.point for m in points if m.point != directory and is_within(m.point, directory)]
        if over_mounts or not below:
            overlaid.add(directory)
        elif directory == "/run":
            emptied.add(directory)
        elif directory[1:] not in _NO_LISTENERS and reachable(directory):
            complete = complete and not holds_socket(directory)
            for child in subdirectories(directory):
                if len(overlaid) < _MOST_SHIELDS:
                    shield(child)

    for name in top_level:
        shield("/" + name)
    if over_mounts:
        overlaid.update(m.point for m in points if m.kind not in _NO_FILES and m.point not in targets)
    fits = len(overlaid) < _MOST_SHIELDS
    return Shields(tuple(sorted(overlaid)[:_MOST_SHIELDS]), tuple(sorted(emptied)), complete and fits)
