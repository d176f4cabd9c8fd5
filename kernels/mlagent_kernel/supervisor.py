"""The supervisor: a pristine fork of the kernel that runs trials in further forks and reports to the host.

It never runs the cell itself, alone holds the pipe to the host, and believes nothing a trial says beyond what
it checked. When the host or the kernel goes away it ends the trial and itself.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from dataclasses import asdict
from typing import Any, NoReturn

from . import guard, standby
from .channel import Outbox
from .forking import fork
from .job import Ending, Job, Resources, Standing
from .kernel_state import Inheritance
from .measuring import Measuring
from .memory import available_memory
from .report import report_of
from .runs import AbandonedError, Runs
from .standby import Standby
from .trial import Order
from .wire import Message, TrialSpec

_MEMORY_SHARE = 0.5


def start(spec: TrialSpec, shell: Any, report: int, around: guard.Confinement | None = None) -> int:
    """Fork a supervisor for one request; returns its process id at once. Call on the idle main thread.

    `report`: the descriptor to report on; it stays the caller's. Being open before the fork, it shows the
    host the end of the stream even when the fork dies at once. `around`: the confinement this process is in
    itself.
    """
    inheritance = Inheritance()
    kernel_pid = os.getpid()
    pid = fork()
    if pid == 0:
        _be_supervisor(spec, shell, inheritance, kernel_pid, report, around)
    return pid


def _be_supervisor(
    spec: TrialSpec,
    shell: Any,
    inheritance: Inheritance,
    kernel_pid: int,
    report_pipe: int,
    around: guard.Confinement | None,
) -> NoReturn:
    try:
        leave_kernel()
        outbox = Outbox(report_pipe)
        runs = Runs(shell, inheritance, resources_of(spec), kernel_pid, outbox, around)
        _report(spec, runs, outbox)
        runs.finish_all()
    finally:
        os._exit(0)


def _report(spec: TrialSpec, runs: Runs, outbox: Outbox) -> None:
    """Raises AbandonedError when nobody waits for it any more."""
    try:
        report = _serve(spec, runs)
    except AbandonedError:
        raise
    except BaseException as failure:  # the host must hear of it, and the kernel's copy must not run on
        report = {"status": "not_tried", "reason": f"The copy of the kernel failed: {failure!r}"}
    outbox.send({"kind": "report", **report})
    outbox.drain()


def stand_by(spec: TrialSpec, shell: Any) -> Standby:
    """Fork a supervisor that waits for trials like `spec`, whose cell is not known yet."""
    inheritance = Inheritance()
    kernel_pid = os.getpid()
    ours, theirs = socket.socketpair()
    pid = fork()
    if pid == 0:
        ours.close()
        _be_standby(spec, shell, inheritance, kernel_pid, theirs)
    theirs.close()
    return Standby(pid, ours, spec)


def _be_standby(
    spec: TrialSpec, shell: Any, inheritance: Inheritance, kernel_pid: int, orders: socket.socket
) -> NoReturn:
    try:
        leave_kernel()
        quiet = standby.nobody()
        runs = Runs(shell, inheritance, resources_of(spec), kernel_pid, quiet)

        def serve(wanted: TrialSpec, outbox: Outbox) -> None:
            runs.serve(resources_of(wanted), outbox)
            _report(wanted, runs, outbox)
            runs.serve(resources_of(spec), quiet)

        try:
            standby.wait_and_serve(spec, runs, orders, serve)
        finally:
            runs.finish_all()
    finally:
        os._exit(0)


def leave_kernel() -> None:
    """Be a process of its own: no session, no signals, no collection of what is shared with the parent."""
    os.setsid()
    gc.disable()
    gc.freeze()
    signal.set_wakeup_fd(-1)
    for sign in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(sign, signal.SIG_IGN)
    for sign in (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(sign, signal.SIG_DFL)


def resources_of(spec: TrialSpec) -> Resources:
    limits = spec.limits
    return Resources(
        tier=spec.tier,
        memory_bytes=limits.memory_bytes or int(available_memory() * _MEMORY_SHARE),
        disk_bytes=limits.disk_bytes,
        processes=limits.processes,
        output_bytes=limits.output_bytes,
    )


def _serve(spec: TrialSpec, runs: Runs) -> Message:
    """Do what the request asks for; returns the report. Raises AbandonedError."""
    limits = spec.limits
    measuring = Measuring(runs, spec.metric, limits) if spec.metric is not None else None
    if spec.code is None:
        assert measuring is not None
        return {"status": "ok", "reason": "", "metric": asdict(measuring.as_it_stands())}
    job = runs.start_trial(
        Order(spec.code, measuring.plan if measuring is not None else None, reseed=spec.reseed)
    )
    outcome = runs.follow_cell(job, limits.seconds)
    measured = None
    if measuring is not None and outcome["kind"] == "finished" and outcome.get("error") is None:
        measured = measuring.after(job, spec.code, outcome["seconds"])
    report = report_of(outcome, end_of(runs, job, outcome), spec)
    if measured is not None and report["status"] == "ok":
        report["metric"] = asdict(measured)
    return report


def end_of(runs: Runs, job: Job, outcome: Message) -> Ending | Standing:
    """How the trial ended; how it stands, where nothing but its own idle process is left of it.

    To end a process that shares the kernel's memory map takes as long as to fork it, and the host need not
    wait for that. Where the cell left processes behind, the report is to say what became of them.
    """
    if outcome["kind"] == "finished":
        standing = runs.standing(job)
        if standing is not None and standing.processes <= 1:
            return standing
    runs.finish(job, show=True)
    assert job.ending is not None
    return job.ending
