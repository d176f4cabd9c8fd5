"""How many threads llama.cpp should compute with."""

from __future__ import annotations

import os
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")
_MEMBERSHIP = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Physical cores that this process may use: by its affinity, and by its control group's quota.

    Two hardware threads of one core share the units that matrix multiplication keeps busy, and threads
    beyond a quota are paused while the others wait for them: both are slower than fewer threads.
    """
    cores = physical_cores(_affinity())
    granted = quota()
    return max(1, cores if granted is None else min(cores, granted))


def physical_cores(cpus: set[int], topology: Path = _TOPOLOGY) -> int:
    """Distinct (package, core) pairs among logical `cpus`."""
    cores: set[tuple[str, str]] = set()
    for cpu in cpus:
        folder = topology / f"cpu{cpu}" / "topology"
        try:
            package = (folder / "physical_package_id").read_text().strip()
            core = (folder / "core_id").read_text().strip()
        except OSError:
            return _without_topology(cpus)
        cores.add((package, core))
    return len(cores)


def quota(membership: Path = _MEMBERSHIP, root: Path = _CGROUPS) -> int | None:
    """Whole CPUs that the control groups above this process grant, None without a limit."""
    limits = [limit for folder in _groups(membership, root) if (limit := _limit(folder)) is not None]
    return max(1, int(min(limits))) if limits else None


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _without_topology(cpus: set[int]) -> int:
    import psutil

    return min(len(cpus), psutil.cpu_count(logical=False) or len(cpus))


def _groups(membership: Path, root: Path) -> list[Path]:
    """Folders that may hold a limit, the root last: inside a container only that one is visible."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        lines = []
    path = next((line.partition("::")[2].strip("/") for line in lines if line.startswith("0::")), "")
    group = root / path
    return [group, *(parent for parent in group.parents if parent.is_relative_to(root)), root / "cpu"]


def _limit(folder: Path) -> float | None:
    """CPUs, from a version 2 group's `cpu.max` or a version 1 group's two files."""
    try:
        granted, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            granted = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    return None if granted in ("max", "-1") else int(granted) / int(period)
