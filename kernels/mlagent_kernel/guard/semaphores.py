"""Semaphores of multiprocessing that need no file: for trials that may not write to /dev/shm.

Thread pools (joblib's, scikit-learn's) make such semaphores even where no process is ever started. A pipe
stands for one: every byte in it is a permit. It is shared with forked children and ends with them.
"""

from __future__ import annotations

import array
import fcntl
import importlib
import os
import select
import sys
import termios
import threading
import time
from typing import Any

_MOST = 32_767
"""Permits that surely fit into a pipe."""
_RECURSIVE_MUTEX = 0


class PipeSemaphore:
    """`_multiprocessing.SemLock` on a pipe."""

    SEM_VALUE_MAX = _MOST
    handle = -1
    name = None

    def __init__(self, kind: int, value: int, maxvalue: int, _name: str, _unlink: bool) -> None:
        self.kind = kind
        self.maxvalue = min(maxvalue, _MOST)
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.write(self._writer, bytes(min(value, self.maxvalue)))
        self._owner = 0
        self._held = 0

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        if self.kind == _RECURSIVE_MUTEX and self._is_mine():
            self._held += 1
            return True
        deadline = None if timeout is None else time.monotonic() + max(0.0, timeout)
        while not self._take():
            left = None if deadline is None else deadline - time.monotonic()
            if not block or (left is not None and left <= 0):
                return False
            select.select([self._reader], [], [], left)
        self._owner = threading.get_ident()
        self._held += 1
        return True

    def release(self) -> None:
        if self.kind == _RECURSIVE_MUTEX:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._held > 1:
                self._held -= 1
                return
        elif self._get_value() >= self.maxvalue:
            raise ValueError("semaphore or lock released too many times")
        self._held -= 1
        os.write(self._writer, b"\0")

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _take(self) -> bool:
        try:
            return bool(os.read(self._reader, 1))
        except BlockingIOError:
            return False

    def _count(self) -> int:
        return self._held

    def _is_mine(self) -> bool:
        return self._held > 0 and self._owner == threading.get_ident()

    def _get_value(self) -> int:
        waiting = array.array("i", [0])
        fcntl.ioctl(self._reader, termios.FIONREAD, waiting)
        return waiting[0]

    def _is_zero(self) -> bool:
        return self._get_value() == 0

    def _after_fork(self) -> None:
        self._held = 0


def install() -> None:
    """Let multiprocessing use these from now on, in this process and its children."""
    native: Any = importlib.import_module("_multiprocessing")
    native.SemLock = PipeSemaphore
    synchronize: Any = sys.modules.get("multiprocessing.synchronize")
    if synchronize is not None:
        synchronize.SEM_VALUE_MAX = _MOST
    _keep_joblib_in_one_process()


def _keep_joblib_in_one_process() -> None:
    """Its worker processes find semaphores by their files' names, and these have none."""
    backends: Any = sys.modules.get("joblib._parallel_backends")
    if backends is None:
        os.environ["JOBLIB_MULTIPROCESSING"] = "0"
        return
    for backend in (backends.LokyBackend, backends.MultiprocessingBackend):
        backend.effective_n_jobs = _one_job


def _one_job(_self: object, n_jobs: int | None = None) -> int:  # noqa: ARG001 - joblib names it
    return 1
