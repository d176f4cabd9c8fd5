"""Memory of the device that trains."""

from __future__ import annotations

import sys


def peak_memory() -> int:
    """The most that was held since the start, in bytes: of the GPU, or without one of this process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved())
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def memory_limit() -> int:
    """What the device has in all."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory)
    from jupyter_mlagent.engine.memory import read_memory

    return read_memory().total_bytes
