"""The process between supervisor and trial: it sets up the guard, forks the trial, watches and ends it.

The supervisor stays unconfined and pristine; whatever the guard does to a process (namespaces, mounts)
happens to the warden, once for each trial. It dies with the supervisor, and the trial with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from . import guard
from .channel import LineWriter

KILL, STANDING, HOLD, WATCH = b"k", b"s", b"h", b"w"
_POLL_SECONDS = 0.02
_HELD_SECONDS, _HELD_POLL_SECONDS = 3600.0, 0.5
"""For an idle state: woken by its end where the system can, else looking now and then."""
_NEVER_SECONDS = 1e6
_PR_SET_PDEATHSIG = 1
_USAGE_SHARE = 0.1
"""At most this share of the time goes into reading the trial's memory."""
_LONGEST_BLIND_SECONDS = 1.0
"""But on a busy machine one reading of many processes takes seconds, in which as many again may start."""
_PRIORITY = -10
"""A niceness. Among the processes of a fork bomb the warden would get its turn too late."""


@dataclass(frozen=True)
class Warrant:
    """What the warden is to hold a trial to. Descriptors are this process' own."""

    tier: str
    cwd: str | None
    memory_bytes: int
    disk_bytes: int
    processes: int
    command: int
    """Read end: STANDING asks how the trial stands; HOLD stops watching one that is idle, WATCH takes it up
    again; KILL, or the end of the stream, ends it.
    """
    status: int
    """Write end: `started`, `standing` and `ended` messages for the supervisor."""
    keep: tuple[int, ...]
    """Descriptors the trial uses."""


Work = Callable[[guard.Confinement], None]


def run(warrant: Warrant, work: Work) -> NoReturn:
    """Be the warden in a freshly forked process; `work` runs in the trial."""
    status = LineWriter(warrant.status)
    try:
        _supervise(warrant, status, work)
    except BaseException as error:  # whatever happens here, this copy of the kernel must not run on
        status.send({"kind": "failed", "reason": f"The guard could not be set up: {error}"})
    finally:
        os._exit(0)


def _supervise(warrant: Warrant, status: LineWriter, work: Work) -> None:
    os.setsid()
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    _set_priority(min(usual, _PRIORITY))
    confinement = guard.Confinement(
        warrant.tier,
        cwd=warrant.cwd,
        disk_bytes=warrant.disk_bytes,
        memory_bytes=warrant.memory_bytes,
        processes=warrant.processes,
        keep_fds=(warrant.command, warrant.status, *warrant.keep),
    )
    confinement.supervisor_enter()
    pid = _fork_from_new_thread(confinement, warrant, work, usual)
    for descriptor in warrant.keep:
        os.close(descriptor)
    status.send({"kind": "started"})
    over, peak, exit_status = _watch(warrant, confinement, pid, status)
    confinement.kill_all(pid)
    status.send(
        {
            "kind": "ended",
            "over": over,
            "peak_bytes": peak,
            "exit_status": exit_status,
            "effects": confinement.effects(),
        }
    )
    confinement.close()


def _fork_from_new_thread(confinement: guard.Confinement, warrant: Warrant, work: Work, priority: int) -> int:
    """Fork the trial from a thread that never ran parallel code.

    OpenMP keeps its pool of workers with the thread that started them. In a fork the workers are gone, and
    that thread waits for them for ever at its next parallel region. A new thread has no pool; the fork makes
    it the trial's main thread, so signal handlers work in the cell as they do in the kernel.
    """
    outcome: list[int | BaseException] = []
    forked = threading.Event()
    interval = sys.getswitchinterval()

    def fork() -> None:
        try:
            outcome.append(confinement.fork_trial())
        except BaseException as error:
            outcome.append(error)
        if outcome[0] == 0:
            try:
                sys.setswitchinterval(interval)
                _set_priority(priority)
                _die_with_parent()
                confinement.trial_enter(keep_fds=warrant.keep)
                work(confinement)
            finally:
                os._exit(0)
        forked.set()
        # To the system this thread is the trial's parent: the trial would be told of its end.
        threading.Event().wait()

    # The guard's fork takes several steps in Python. This thread must not ask for the interpreter between
    # them: the child would wait to hand it over, to a thread that it does not have.
    sys.setswitchinterval(_NEVER_SECONDS)
    threading.Thread(target=fork, name="trial", daemon=True).start()
    forked.wait()
    sys.setswitchinterval(interval)
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _set_priority(value: int) -> None:
    with contextlib.suppress(OSError):  # only the system's administrator may, and nobody within a guard
        os.setpriority(os.PRIO_PROCESS, 0, value)


def _die_with_parent() -> None:
    """End the trial should its warden be killed, on systems that can tell."""
    prctl: Any = getattr(ctypes.PyDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _watch(
    warrant: Warrant, confinement: guard.Confinement, pid: int, status: LineWriter
) -> tuple[str, int, int | None]:
    """Until it exits, exceeds a limit, or the supervisor says so: (limit exceeded, peak, exit status)."""
    poll = select.poll()
    poll.register(warrant.command, select.POLLIN)
    exited = _process_descriptor(pid)
    if exited is not None:
        poll.register(exited, select.POLLIN)
    peak, next_usage, pause = 0, 0.0, _POLL_SECONDS
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(pause * 1000)}
        if warrant.command in ready:
            order = os.read(warrant.command, 1)
            if order == HOLD:
                pause = _HELD_POLL_SECONDS if exited is None else _HELD_SECONDS
                continue
            if order == WATCH:
                pause = _POLL_SECONDS
                continue
            if order != STANDING:
                # A cell that is late since it started too many processes shall be told that.
                return _too_many(warrant, confinement), peak, None
            processes, private = confinement.usage()
            peak = max(peak, private)
            status.send(
                {
                    "kind": "standing",
                    "processes": processes,
                    "peak_bytes": peak,
                    "effects": confinement.effects(),
                }
            )
        found, exit_status = os.waitpid(pid, os.WNOHANG)
        if found:
            return "", peak, exit_status
        now = time.monotonic()
        if pause > _POLL_SECONDS or now < next_usage:
            continue
        processes, private = confinement.usage()
        peak = max(peak, private)
        next_usage = time.monotonic() + min((time.monotonic() - now) / _USAGE_SHARE, _LONGEST_BLIND_SECONDS)
        if private > warrant.memory_bytes:
            return "memory", peak, None
        if processes > warrant.processes:
            return "processes", peak, None
        if confinement.disk_exceeded():
            return "disk", peak, None


def _too_many(warrant: Warrant, confinement: guard.Confinement) -> str:
    return "processes" if confinement.usage()[0] > warrant.processes else ""


def _process_descriptor(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # Python 3.8, or Linux before 5.3
        return None
