"""Is it safe to fork this kernel? One sentence for each thing that would not survive it."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import guard

_SQLITE = b"SQLite format 3\x00"
_POLARS_POOL = re.compile(r"polars-\d+$|async-executor|tokio")
_DATABASE_DRIVERS = ("psycopg", "psycopg2", "pymongo", "MySQLdb", "pymysql", "redis", "oracledb", "asyncpg")


def unsafe_to_fork(shell: Any) -> str:
    """Why a copy of this kernel would not behave as the kernel does; empty when nothing stands against it."""
    for reason in _REASONS:
        found = reason(shell)
        if found:
            return found
    phrases = guard.unsafe_to_fork()
    return f"{phrases[0][0].upper()}{phrases[0][1:]}." if phrases else ""


def _system(_shell: Any) -> str:
    return "" if sys.platform.startswith("linux") else "Copies of a kernel are made on Linux only."


def _thread(_shell: Any) -> str:
    if threading.current_thread() is not threading.main_thread():
        return "The kernel answered on a subshell, and only its main thread can be copied."
    return ""


def _event_loop(shell: Any) -> str:
    if getattr(getattr(shell, "kernel", None), "eventloop", None) is not None:
        return "The kernel runs a GUI's event loop, whose windows a copy would share."
    return ""


def _torch(_shell: Any) -> str:
    for device, name in (("cuda", "CUDA"), ("xpu", "XPU")):
        part: Any = _attribute("torch", device)
        initialised: Callable[[], bool] | None = getattr(part, "is_initialized", None)
        if initialised is not None and initialised():
            return f"PyTorch has initialised {name} in the kernel, which a copy cannot use."
    return ""


def _tensorflow(_shell: Any) -> str:
    context = _attribute("tensorflow.python.eager.context", "_context")
    if getattr(context, "_initialized", False):
        return "TensorFlow has started in the kernel, and its threads do not survive in a copy."
    return ""


def _jax(_shell: Any) -> str:
    if _attribute("jax._src.xla_bridge", "_backends"):
        return "JAX has started in the kernel, and its threads do not survive in a copy."
    return ""


def _gpu_libraries(_shell: Any) -> str:
    for name in ("cupy", "cudf", "rmm", "pycuda"):
        if name in sys.modules:
            return f"{name} is loaded in the kernel, and what it keeps on the GPU cannot be copied."
    if _attribute("numba.np.ufunc.parallel", "_is_initialized"):
        return "Numba's parallel threads run in the kernel and do not survive in a copy."
    return ""


def _polars(_shell: Any) -> str:
    # Its pool starts with the first query; without one, polars in the copy starts a pool of its own.
    if "polars" in sys.modules and any(_POLARS_POOL.match(name) for name in _thread_names()):
        return "polars has used its threads in the kernel, and they do not survive in a copy."
    return ""


def _clusters(_shell: Any) -> str:
    if _attribute("pyspark", "SparkContext", "_active_spark_context") is not None:
        return "The kernel holds a Spark session, which a copy would share."
    if getattr(_attribute("ray._private.worker", "global_worker"), "connected", False):
        return "The kernel is connected to Ray, and a copy would share the connection."
    if _attribute("distributed.client", "_global_clients"):
        return "The kernel is connected to Dask, and a copy would share the connection."
    if "grpc._cython.cygrpc" in sys.modules:
        return "gRPC is loaded in the kernel, and its threads do not survive in a copy."
    if "jpype" in sys.modules and _attribute("jpype", "_jpype") is not None:
        return "A Java virtual machine runs in the kernel, and its threads do not survive in a copy."
    return ""


def _databases(shell: Any) -> str:
    driver = next((name for name in _DATABASE_DRIVERS if name in sys.modules), None)
    if driver is not None and _remote_connections(shell):
        return f"The kernel holds a live database connection ({driver}), which a copy would share."
    history = str(getattr(getattr(shell, "history_manager", None), "hist_file", ""))
    for path in _open_sqlite_files():
        if path != os.path.realpath(history):
            return f"The kernel holds an open SQLite database ({Path(path).name}), which a copy would share."
    return ""


def _attribute(module: str, *names: str) -> Any:
    """An attribute of a module that is loaded already, or None."""
    found: Any = sys.modules.get(module)
    for name in names:
        found = getattr(found, "__dict__", {}).get(name)
    return found


def _thread_names() -> list[str]:
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            names.append((task / "comm").read_text().strip())
    return names


def _descriptors() -> list[tuple[int, str]]:
    """Open descriptors with what they lead to; the listing's own is gone by then."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append((int(entry.name), str(entry.readlink())))
    return found


def _open_sqlite_files() -> list[str]:
    found = []
    for descriptor, path in _descriptors():
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and os.pread(descriptor, 16, 0) == _SQLITE:
                found.append(path)
    return found


def _remote_connections(shell: Any) -> bool:
    """Whether this process holds established TCP connections that are not the kernel's own channels."""
    kernel = getattr(getattr(shell, "kernel", None), "parent", None)
    names = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
    own = {getattr(kernel, name, 0) for name in names}
    sockets = {path for _, path in _descriptors()}
    for table in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                established = fields[3] == "01"
                local, remote = (int(end.rpartition(":")[2], 16) for end in (fields[1], fields[2]))
                if established and f"socket:[{fields[9]}]" in sockets and not {local, remote} & own:
                    return True
    return False


_REASONS: tuple[Callable[[Any], str], ...] = (
    _system,
    _thread,
    _event_loop,
    _torch,
    _tensorflow,
    _jax,
    _gpu_libraries,
    _polars,
    _clusters,
    _databases,
)
