"""How many threads llama.cpp should compute with."""

from __future__ import annotations

import os
from pathlib import Path

_CPU_TOPOLOGY = Path("/sys/devices/system/cpu")
_CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Physical cores that this process may use: by its affinity, and by its control group's quota.

    Two hardware threads of one core share the units that matrix multiplication keeps busy, and threads
    beyond a quota are paused while the others spin on them: both are slower than fewer threads.
    """
    return max(1, min(_physical_cores(_affinity()), _quota() or 1 << 16))


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _physical_cores(cpus: set[int], topology: Path = _CPU_TOPOLOGY) -> int:
    """Distinct (package, core) pairs among logical `cpus`."""
    cores: set[tuple[str, str]] = set()
    for cpu in cpus:
        folder = topology / f"cpu{cpu}" / "topology"
        try:
            package = (folder / "physical_package_id").read_text().strip()
            core = (folder / "core_id").read_text().strip()
        except OSError:
            return _physical_cores_by_psutil(cpus)
        cores.add((package, core))
    return len(cores)


def _physical_cores_by_psutil(cpus: set[int]) -> int:
    import psutil

    return min(len(cpus), psutil.cpu_count(logical=False) or len(cpus))


def _quota(cgroup: Path = _CGROUP) -> int | None:
    """Whole CPUs that the control group (version 2, then 1) grants, None without a quota."""
    try:
        granted, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            granted = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if granted in ("max", "-1"):
        return None
    return max(1, int(granted) // int(period))
