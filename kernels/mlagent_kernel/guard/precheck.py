"""What a fork of this process would share with it and could not be cut off: reasons not to fork."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH208

from __future__ import annotations

import os
import socket
import stat

from . import inherited_maps

_MOST_COPIED = 512 << 20
_DATABASE_PORTS = {
    1433: "SQL Server",
    1521: "Oracle",
    3306: "MySQL",
    5432: "PostgreSQL",
    6379: "Redis",
    7077: "Spark",
    8786: "Dask",
    9042: "Cassandra",
    9092: "Kafka",
    10000: "Hive",
    27017: "MongoDB",
}
_ACCELERATOR = ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia-uvm", "/dev/kfd", "/dev/accel", "/dev/dxg")


def unsafe_to_fork() -> list[str]:
    """Reasons, a short phrase each, why a forked copy of this process would not work as it does; or none."""
    reasons = []
    databases = sorted(set(live_connections()))
    if databases:
        reasons.append(f"the kernel holds a live connection to {', '.join(databases)}")
    maps = inherited_maps.shared_maps()
    if any(mapping.path.startswith(_ACCELERATOR) for mapping in maps):
        reasons.append("the kernel uses an accelerator")
    copied = sum(mapping.length for mapping in maps if inherited_maps.needs_copy(mapping))
    if copied > _MOST_COPIED:
        reasons.append(f"the kernel shares {copied >> 20} MB of unnamed memory with other processes")
    return reasons


def live_connections() -> list[str]:
    """Established TCP connections of this process to well-known database ports, as `PostgreSQL at host`."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            descriptor = int(name)
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                peer = _peer(descriptor)
                if peer is not None and peer[1] in _DATABASE_PORTS:
                    found.append(f"{_DATABASE_PORTS[peer[1]]} at {peer[0]}")
        except OSError:
            continue
    return found


def _peer(descriptor: int) -> tuple[str, int] | None:
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        if connection.type != socket.SOCK_STREAM:
            return None
        address = connection.getpeername()
        return str(address[0]), int(address[1])
