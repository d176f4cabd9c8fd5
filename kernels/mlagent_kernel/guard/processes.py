"""The processes of a trial, seen from its supervisor: how many, how much memory, and ending them all."""

# Descriptors and raw paths, on which pathlib would only add cost.
# ruff: noqa: PTH110, PTH116, PTH123, PTH208

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .errors import GuardError

_PAGE = os.sysconf("SC_PAGE_SIZE")
_DOUBT = 32 << 20
"""Growth since the last exact reading, in bytes, that calls for another one."""
_OVERHEAD = 20
"""An exact reading walks page tables; the next one waits this many times as long as it took."""
_MEMORY_FLOOR = 192 << 20
"""A trial that leaves the machine less than this, and itself holds more, counts as over any limit."""
_PATIENCE_SECONDS = 20.0
_OVER_ANY_LIMIT = 1 << 62
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FIRST = 1
"""The first process, as its own PID namespace numbers it."""


@dataclass
class _Reading:
    """Private memory of one process: what it was when last read exactly, and its counters then."""

    exact: int
    resident: int
    faults: int
    first_resident: int
    next_exact: float = 0.0


@dataclass
class Group:
    """A trial's first process and all its descendants, watched by their supervisor (this process)."""

    pid: int
    in_namespace: bool
    """`pid` is the first process of a PID namespace, whose /proc shows them and nothing else."""
    _view: int = -1
    _readings: dict[int, _Reading] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # The counters at the fork: the trial has nothing of its own yet.
        proc = _host_proc()
        try:
            counters = _counters(proc, self.pid)
        finally:
            os.close(proc)
        if counters is not None:
            resident, faults = counters
            first = _Reading(0, resident, faults, resident)
            self._readings = {self.pid: first, _FIRST: first}

    def usage(self, limit: int, most: int) -> tuple[int, int]:
        """(processes, private bytes): memory beyond what they share with the kernel they were forked from.

        With more than `most` processes their memory is not looked at: in a fork bomb that would take ages.

        Cheap enough for every 20 ms: between exact readings (smaps_rollup) it adds what page faults and
        resident anonymous memory show as an upper bound; a value above `limit` is always an exact one
        (or the machine is about to run out of memory).
        """
        view = self._open_view()
        proc = view if view >= 0 else _host_proc()
        try:
            pids = _listed(view) if view >= 0 else descendants(os.getpid(), most)
            if len(pids) > most:
                return len(pids), 0
            living = [size for size in (self._private(proc, pid, limit) for pid in pids) if size is not None]
        finally:
            if view < 0:
                os.close(proc)
        kept = {*pids, self.pid, _FIRST}
        self._readings = {pid: reading for pid, reading in self._readings.items() if pid in kept}
        total = sum(living)
        if total > _MEMORY_FLOOR and _memory_available() < _MEMORY_FLOOR:
            return len(living), _OVER_ANY_LIMIT
        return len(living), total

    def close(self) -> None:
        if self._view >= 0:
            os.close(self._view)
            self._view = -1

    def _open_view(self) -> int:
        """The /proc of the namespace, once its first process has mounted one of its own."""
        if self.in_namespace and self._view < 0:
            with contextlib.suppress(OSError):
                view = os.open(f"/proc/{self.pid}/root/proc", _DIRECTORY)
                if os.fstat(view).st_dev != os.stat("/proc").st_dev:
                    self._view = view
                else:
                    os.close(view)
        return self._view

    def _private(self, proc: int, pid: int, limit: int) -> int | None:
        counters = _counters(proc, pid)
        if counters is None:
            return None
        resident, faults = counters
        reading = self._readings.get(pid)
        if reading is None:
            exact = _exact(proc, pid)
            self._readings[pid] = _Reading(exact, resident, faults, resident)
            return exact
        # A page copied on write is a fault but no growth; a huge page is one fault and much growth.
        doubt = max(resident - reading.resident, (faults - reading.faults) * _PAGE, 0)
        now = time.monotonic()
        crosses = reading.exact <= limit < reading.exact + doubt
        if now >= reading.next_exact and (doubt > _DOUBT or crosses):
            reading.exact, reading.resident, reading.faults = _exact(proc, pid), resident, faults
            reading.next_exact = now + _OVERHEAD * (time.monotonic() - now)
            doubt, crosses = 0, False
        grown = resident - reading.first_resident
        return max(reading.exact if crosses else reading.exact + doubt, grown)


def _host_proc() -> int:
    return os.open("/proc", _DIRECTORY)


def _listed(proc: int) -> list[int]:
    return [int(name) for name in os.listdir(proc) if name.isdigit()]


def _read(proc: int, path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    try:
        return os.read(descriptor, 8192)
    finally:
        os.close(descriptor)


def _counters(proc: int, pid: int) -> tuple[int, int] | None:
    """(resident bytes that are no files', minor faults) of a live process; None when it is gone."""
    try:
        status = _read(proc, f"{pid}/status")
        fields = _read(proc, f"{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] in (b"Z", b"X"):
        return None
    return _kilobytes(status, b"RssAnon:") + _kilobytes(status, b"RssShmem:"), int(fields[7])


def _kilobytes(text: bytes, label: bytes) -> int:
    _, found, after = text.partition(label)
    return int(after.split(None, 1)[0]) * 1024 if found else 0


def _exact(proc: int, pid: int) -> int:
    try:
        text = _read(proc, f"{pid}/smaps_rollup")
    except OSError:  # gone meanwhile, or a kernel without smaps_rollup
        return 0
    return _kilobytes(text, b"Private_Clean:") + _kilobytes(text, b"Private_Dirty:")


def _memory_available() -> int:
    with open("/proc/meminfo", "rb") as file:
        return _kilobytes(file.read(), b"MemAvailable:")


def descendants(root: int, enough: float = math.inf) -> list[int]:
    """All living descendants of a process, as far as they stand still; with more than `enough` not all."""
    children = _children if os.path.exists(f"/proc/self/task/{os.getpid()}/children") else _children_by_scan()
    found: list[int] = []
    level = [root]
    while level and len(found) <= enough:
        level = [child for parent in level for child in children(parent)]
        found += level
    return found


def _children(pid: int) -> list[int]:
    """From the kernel's own lists (CONFIG_PROC_CHILDREN), one for each thread of the parent."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def _children_by_scan() -> Callable[[int], list[int]]:
    """From every process' note of its parent."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(name))
    return lambda pid: children.get(pid, [])


def kill_namespace(pid: int) -> None:
    """End a PID namespace through its first process, our child; the kernel ends all others before it."""
    with contextlib.suppress(ChildProcessError):  # reaped before: its number may be somebody else's by now
        if os.waitpid(pid, os.WNOHANG)[0] == 0:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def kill_descendants(first: int) -> None:
    """End every descendant of this process, which must be their subreaper and have no other children.

    Those in the process group of `first`, our child, all at once, as fast as they may multiply. What has left
    that group is stopped before it is killed, so that it cannot multiply faster than it is found. Raises
    GuardError when some cannot be ended (asleep in the kernel).
    """
    with contextlib.suppress(OSError):  # gone and reaped: its number may be somebody else's by now
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        os.killpg(first, signal.SIGKILL)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            for pid in descendants(os.getpid()):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, sign)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        if time.monotonic() > deadline:
            raise GuardError("Processes of a trial could not be ended: they do not react to SIGKILL.")
        time.sleep(0.002)
