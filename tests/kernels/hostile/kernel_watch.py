"""Imported into the kernel under test: prepares what a hostile cell would like to change, and looks at it.

Standard library and what the cells use anyway. Looking changes nothing.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import mmap
import os
import pickle
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from multiprocessing import shared_memory
from pathlib import Path
from types import ModuleType
from typing import Any

_OURS = ("mlagent_kernel", "_mlagent")
_LARGE_BYTES, _SAMPLES = 1 << 24, 100_000
"""Of a larger array every so many-th value stands for the page it is on."""
_LOOSE = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


class Ties:
    """What the kernel holds that a fork would share with it."""

    def __init__(self) -> None:
        Path("shared.bin").write_bytes(b"before" + bytes(8186))
        with Path("shared.bin").open("r+b") as file:
            self.mapped = mmap.mmap(file.fileno(), 0)
        self.nameless = mmap.mmap(-1, 8192)
        self.nameless[:6] = b"before"
        self.segment = shared_memory.SharedMemory(create=True, size=8192)
        self.segment.buf[:6] = b"before"
        Path("open.txt").write_text("0123456789")
        self.file = Path("open.txt").open("r+b", buffering=0)  # noqa: SIM115 - stays open
        self.file.seek(4)
        self.log = Path("log.txt").open("a")  # noqa: SIM115 - stays open
        self.left, self.right = socket.socketpair()
        self.reading, self.writing = os.pipe()
        self.child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
        )

    def state(self) -> dict[str, Any]:
        quiet = not select.select([self.right, self.reading], [], [], 0)[0]
        return {
            "mapped": bytes(self.mapped[:16]).hex(),
            "nameless": bytes(self.nameless[:16]).hex(),
            "segment": bytes(self.segment.buf[:16]).hex(),
            "position": self.file.seek(0, os.SEEK_CUR),
            "quiet": quiet,
            "child runs": self.child.poll() is None,
        }

    def release(self) -> None:
        self.segment.unlink()
        assert self.child.stdin is not None
        self.child.stdin.close()
        self.child.wait()


def look(shell: Any, ties: Ties) -> str:
    """Everything about this kernel that a trial must leave alone, as JSON."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    numpy = sys.modules.get("numpy")
    shell.history_manager.writeout_cache()
    found = {
        "variables": {
            name: _digest(value)
            for name, value in shell.user_ns.items()
            if not name.startswith("_") and name not in _LOOSE
        },
        "random": _hash(repr(random.getstate()).encode()),
        "numpy random": _hash(pickle.dumps(numpy.random.get_state())) if numpy else "",
        "execution count": shell.execution_count,
        "history": [len(shell.user_ns["In"]), len(shell.user_ns["Out"])],
        "cwd": str(Path.cwd()),
        "environment": _hash(json.dumps(sorted(os.environ.items())).encode()),
        "descriptors": _descriptors(),
        "figures": _figures(pyplot) if pyplot else [],
        "signals": [repr(signal.getsignal(n)) for n in range(1, 32)],
        "limits": [resource.getrlimit(n) for n in range(16)],
        "affinity": sorted(os.sched_getaffinity(0)),
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "modules": sorted(name for name in sys.modules if not name.startswith(_OURS)),
        "path": sys.path,
        "streams": [id(sys.stdout), id(sys.stderr), id(sys.displayhook), id(sys.excepthook)],
        "collector": [gc.isenabled(), list(gc.get_threshold()), gc.get_freeze_count()],
        "warnings": len(warnings.filters),
        "temporary": tempfile.tempdir,
        "out of memory score": Path("/proc/self/oom_score_adj").read_text().strip(),
        "session": [os.getsid(0), os.getpgid(0)],
        "ties": ties.state(),
    }
    return json.dumps(found)


def _figures(pyplot: Any) -> list[Any]:
    managers = pyplot._pylab_helpers.Gcf.figs
    return [[n, [len(axes.lines) for axes in managers[n].canvas.figure.axes]] for n in sorted(managers)]


def _descriptors() -> dict[str, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found[entry.name] = str(entry.readlink())
    return {number: target for number, target in found.items() if "/proc/" not in target}


def _digest(value: Any) -> str:
    if isinstance(value, ModuleType):
        return value.__name__
    if type(value).__module__.startswith("matplotlib"):  # its pickles hold the time; see `figures`
        return f"{type(value).__name__} at {id(value)}"
    if type(value).__name__ == "ndarray" and value.nbytes > _LARGE_BYTES:
        value = value[:: len(value) // _SAMPLES]
    try:
        return _hash(pickle.dumps(value))
    except Exception:
        return f"{type(value).__name__} at {id(value)}"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
