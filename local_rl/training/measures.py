"""Memory of the device that trains."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path


def peak_memory() -> int:
    """The most that was held since the start, in bytes: of the GPU, or without one of this process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved())
    return _peak_of_process()


def memory_limit() -> int:
    """What the device has in all."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    from jupyter_mlagent.engine.memory import read_memory

    return read_memory().total_bytes


def _peak_of_process() -> int:
    # getrusage's ru_maxrss outlives exec: a trainer would report the peak of the process that started it.
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
