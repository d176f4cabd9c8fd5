"""How much memory a model may use here: RAM, a container's limit, and the GPU that llama.cpp can reach."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from jupyter_mlagent.engine.build import installed_backend
from jupyter_mlagent.records import Record


class Memory(Record):
    total_bytes: int
    """What this process could ever use: the machine's RAM or its container's limit, whichever is less."""
    available_bytes: int
    """What is free of it now."""
    gpu_bytes: int = 0
    """The largest GPU that the installed llama.cpp was built for; 0 without one."""


def read_memory() -> Memory:
    import psutil

    machine = psutil.virtual_memory()
    total, available = machine.total, machine.available
    for limit, used in cgroup_limits():
        total = min(total, limit)
        available = min(available, max(0, limit - used))
    return Memory(total_bytes=total, available_bytes=available, gpu_bytes=gpu_memory(installed_backend()))


def cgroup_limits(
    membership: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> list[tuple[int, int]]:
    """(limit, bytes used) of every control group above this process that sets one; both cgroup versions."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            folder, names = root / path.lstrip("/"), ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            folder = root / "memory" / path.lstrip("/")
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        # Inside a container the path may be the host's, which is not visible here: its root still is.
        for group in (folder, *folder.parents):
            limit, used = (_number(group / name) for name in names)
            if limit is not None:
                limits.append((limit, used or 0))
            if group == root:
                break
    return limits


def _number(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    # Version 1 writes "no limit" as a number near 2**63.
    return int(text) if text.isdigit() and int(text) < 1 << 60 else None


def gpu_memory(backend: str) -> int:
    """Bytes of the largest GPU for `backend` (`cuda`, `rocm`, `metal`); 0 for `cpu` or when none answers."""
    if backend == "cuda":
        return _nvidia_memory()
    if backend == "rocm":
        cards = Path("/sys/class/drm").glob("card*/device/mem_info_vram_total")
        return max((_number(card) or 0 for card in cards), default=0)
    if backend == "metal" and platform.machine() == "arm64":
        import psutil

        # Apple's GPU shares the RAM; macOS lets it use about two thirds.
        return int(psutil.virtual_memory().total * 2 / 3)
    return 0


def _nvidia_memory() -> int:
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    return max((int(line) << 20 for line in answer.split() if line.isdigit()), default=0)
