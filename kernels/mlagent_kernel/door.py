"""The functions the host calls in a kernel: each takes JSON text and returns JSON text."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import guard, history, replay, safety, static, supervisor
from .forking import flush_c_streams
from .freshness import Mark
from .memory import private_memory
from .probe import variables
from .standby import Standby
from .wire import TrialSpec

_REAP_SECONDS = 3.0
_KILL_SECONDS = 2.0
_supervisors: set[int] = set()
_ready: list[tuple[Standby, Mark]] = []
"""The supervisor that waits for a trial, if there is one, and the kernel as it was then."""
_calls = 0
"""By the host, since then."""


def _counted(function: Callable[[str], str]) -> Callable[[str], str]:
    def called(text: str) -> str:
        global _calls
        _calls += 1
        return function(text)

    return called


@_counted
def prepare(text: str) -> str:
    """Have a supervisor wait for trials like the one a TrialSpec describes, whose cell is not known yet.

    Answers as `start`. It ends when it is released, when a trial finds that the kernel has changed, or when
    nothing comes for long.
    """
    global _calls
    _dismiss()
    _reap_finished()
    unsafe = safety.unsafe_to_fork(_shell())
    if unsafe:
        return json.dumps({"unsafe": unsafe})
    _flush()
    standby = supervisor.stand_by(TrialSpec.from_json(json.loads(text)["spec"]), _shell())
    _supervisors.add(standby.pid)
    _ready.append((standby, Mark(_shell())))
    _calls = 0
    return json.dumps({"pid": standby.pid})


@_counted
def release(_text: str) -> str:
    """End the supervisor that waits: `{"pid": ...}` of what is left to reap, null when there was none."""
    return json.dumps({"pid": _dismiss()})


@_counted
def start(text: str) -> str:
    """Start the trial that a TrialSpec describes in a fork of this kernel.

    `{"pid": ...}`, with `ready` where it waited for this and stays, or `{"unsafe": reason}` when the kernel
    cannot be forked as it is now.
    """
    _reap_finished()
    wanted = json.loads(text)["spec"]
    spec = TrialSpec.from_json(wanted)
    with contextlib.ExitStack() as stack:
        if _ready and _ready[0][0].suits(spec) and not _ready[0][1].changed(_shell(), _calls):
            report = stack.enter_context(_report_to(spec))
            if _ready[0][0].order(wanted, report):
                return json.dumps({"pid": _ready[0][0].pid, "ready": True})
        _dismiss()
        unsafe = safety.unsafe_to_fork(_shell())
        if unsafe:
            return json.dumps({"unsafe": unsafe})
        _flush()
        pid = supervisor.start(spec, _shell(), stack.enter_context(_report_to(spec)))
    _supervisors.add(pid)
    return json.dumps({"pid": pid})


@_counted
def reap(text: str) -> str:
    """Collect the exit status of the supervisor `{"pid": ...}`, which has reported, so that no zombie stays.

    One that does not end is killed; its trial dies with it.
    """
    pid = int(json.loads(text)["pid"])
    for patience in (_REAP_SECONDS, _KILL_SECONDS):
        deadline = time.monotonic() + patience
        while pid in _supervisors and time.monotonic() < deadline:
            _reap_finished()
            if pid in _supervisors:
                time.sleep(0.002)
        if pid in _supervisors:
            os.kill(pid, signal.SIGKILL)
    return json.dumps({"reaped": pid not in _supervisors})


@contextlib.contextmanager
def _report_to(spec: TrialSpec) -> Iterator[int]:
    """The FIFO of a request. When nobody has it open any more, the host takes the trial for lost."""
    report = os.open(spec.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield report
    finally:
        os.close(report)


def _dismiss() -> int | None:
    if not _ready:
        return None
    standby, _ = _ready.pop()
    standby.end()
    return standby.pid


@_counted
def probe(text: str) -> str:
    """What the kernel is and holds: the fields of `jupyter_mlagent.trial.api.Probe` but the guard's.

    `{"folder": ...}`: a folder of the host with a file `nonce` in it; `nonce` in the answer is what this
    kernel reads there, null when it does not share the host's file system.
    """
    shell = _shell()
    unsafe = safety.unsafe_to_fork(shell)
    return json.dumps(
        {
            "python": sys.executable,
            "python_version": platform.python_version(),
            "pid": os.getpid(),
            "cwd": _cwd(),
            "execution_count": shell.execution_count - 1,
            "variables": variables.summarise(shell.user_ns, variables.own_names(shell)),
            "unsafe": unsafe,
            "history": history.executed(shell),
            "nonce": _nonce(json.loads(text)["folder"]),
        }
    )


@_counted
def surroundings(_text: str) -> str:
    """What a fresh process needs to become equal to this kernel: `replay.State`'s fields, and its program."""
    shell = _shell()
    startup = getattr(getattr(shell, "profile_dir", None), "startup_dir", "")
    return json.dumps(
        {
            "python": sys.executable,
            "environ": dict(os.environ),
            "state": {
                "history": history.executed(shell),
                "cwd": _cwd(),
                "path": sys.path,
                "startup": str(startup),
                "types": replay.own_types(shell),
                "kernel_bytes": private_memory(),
            },
        }
    )


@_counted
def check(text: str) -> str:
    """`{"problem": ...}`: what is wrong with the cell `{"code": ...}`, found without running it."""
    return json.dumps({"problem": static.problem_with(json.loads(text)["code"], _shell())})


@_counted
def available_guard(text: str) -> str:
    """`{"tier": ..., "reason": ...}`: the strongest guard that works in this process."""
    tier, reason = guard.available(tuple(json.loads(text).get("avoid", ())))
    return json.dumps({"tier": tier, "reason": reason})


def _reap_finished() -> None:
    for pid in list(_supervisors):
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == 0:
                continue
        except ChildProcessError:  # somebody else collected it
            pass
        _supervisors.discard(pid)


def _flush() -> None:
    flush_c_streams()
    for stream in (sys.stdout, sys.stderr):
        flush: Any | None = getattr(stream, "flush", None)
        if flush is not None:
            flush()


def _cwd() -> str:
    with contextlib.suppress(OSError):
        return str(Path.cwd())
    return ""


def _nonce(folder: str) -> str | None:
    with contextlib.suppress(OSError):
        return (Path(folder) / "nonce").read_text()
    return None


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()
