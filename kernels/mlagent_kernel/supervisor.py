"""The supervisor: a pristine fork of the kernel that runs trials in further forks and reports to the host.

It never runs the cell itself, alone holds the pipe to the host, and believes nothing a trial says beyond what
it checked. When the host or the kernel goes away it ends the trial and itself.
"""

from __future__ import annotations

import gc
import os
import signal
from dataclasses import asdict
from typing import Any, NoReturn

from .channel import Outbox
from .forking import fork
from .job import Ending, Resources
from .kernel_state import Inheritance
from .measuring import Measuring
from .memory import available_memory
from .outputs import error, text_of
from .runs import AbandonedError, Runs
from .trial import Order
from .wire import Message, TrialSpec

_DRAIN_SECONDS = 20.0
_MEMORY_SHARE = 0.5


def start(spec: TrialSpec, shell: Any) -> int:
    """Fork a supervisor for one request; returns its process id at once. Call on the idle main thread."""
    inheritance = Inheritance()
    kernel_pid = os.getpid()
    # Opened before the fork, so that the host sees the end of the stream even when the fork dies at once.
    report = os.open(spec.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        pid = fork()
        if pid == 0:
            _be_supervisor(spec, shell, inheritance, kernel_pid, report)
        return pid
    finally:
        os.close(report)


def _be_supervisor(
    spec: TrialSpec, shell: Any, inheritance: Inheritance, kernel_pid: int, report_pipe: int
) -> NoReturn:
    try:
        _leave_kernel()
        outbox = Outbox(report_pipe)
        try:
            report = _serve(spec, shell, inheritance, kernel_pid, outbox)
        except AbandonedError:
            os._exit(0)
        except BaseException as failure:  # the host must hear of it, and the kernel's copy must not run on
            report = {"status": "not_tried", "reason": f"The copy of the kernel failed: {failure!r}"}
        outbox.send({"kind": "report", **report})
        outbox.drain(_DRAIN_SECONDS)
    finally:
        os._exit(0)


def _leave_kernel() -> None:
    os.setsid()
    gc.disable()
    gc.freeze()
    signal.set_wakeup_fd(-1)
    for sign in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(sign, signal.SIG_IGN)
    for sign in (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(sign, signal.SIG_DFL)


def _serve(spec: TrialSpec, shell: Any, inheritance: Inheritance, kernel_pid: int, outbox: Outbox) -> Message:
    """Do what the request asks for; returns the report. Raises AbandonedError."""
    limits = spec.limits
    resources = Resources(
        tier=spec.tier,
        memory_bytes=limits.memory_bytes or int(available_memory() * _MEMORY_SHARE),
        disk_bytes=limits.disk_bytes,
        processes=limits.processes,
        output_bytes=limits.output_bytes,
    )
    runs = Runs(shell, inheritance, resources, kernel_pid, outbox)
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
    runs.finish(job, show=True)
    assert job.ending is not None
    report = _report(outcome, job.ending, spec)
    if measured is not None and report["status"] == "ok":
        report["metric"] = asdict(measured)
    return report


def _report(outcome: Message, ending: Ending, spec: TrialSpec) -> Message:
    """The verdict on a cell from what its process said (untrusted) and how it ended (trusted)."""
    status, reason, failure = _verdict(outcome, ending, spec)
    return {
        "status": status,
        "reason": reason,
        "error": failure,
        "seconds": outcome["seconds"],
        "peak_memory_bytes": ending.peak_bytes,
        "effects": ending.effects or {},
        "observations": _observations(outcome.get("observations")),
    }


def _verdict(outcome: Message, ending: Ending, spec: TrialSpec) -> tuple[str, str, Message | None]:
    if ending.failed:
        return "not_tried", text_of(ending.failed), None
    if ending.over == "memory":
        return "out_of_memory", "The cell needs more memory than a trial may take.", None
    if ending.over == "processes":
        return "blocked", f"The cell started more than {spec.limits.processes} processes.", None
    if outcome["kind"] == "stuck":
        return "not_tried", "The copy of the kernel did not start in time.", None
    if outcome["kind"] == "late":
        return "timeout", f"The cell was still running after {spec.limits.seconds:g} s.", None
    if outcome["kind"] == "gone":
        return _verdict_on_death(ending)
    failure = outcome.get("error")
    if not isinstance(failure, dict):
        return "ok", "", None
    failure = error(failure.get("ename"), failure.get("evalue"), failure.get("traceback"))
    if outcome.get("out_of_memory") is True:
        return "out_of_memory", "The cell needs more memory than a trial may take.", failure
    blocked = text_of(outcome.get("blocked"))
    if blocked:
        return "blocked", f"The cell tried to {blocked}, which a trial may not do.", failure
    return "error", "", failure


def _verdict_on_death(ending: Ending) -> tuple[str, str, Message | None]:
    status = ending.exit_status
    if status is None:
        return "not_tried", "The trial's process disappeared.", None
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = str(number)
        text = f"The cell's process was killed by signal {name}."
    else:
        text = f"The cell ended its process with exit code {os.WEXITSTATUS(status)}."
    return "error", text, error("ProcessExit", text, [])


def _observations(value: object) -> Message:
    """What a trial says it reached for: two short lists of strings, whatever it sent."""
    found = value if isinstance(value, dict) else {}
    lists = {key: found.get(key) for key in ("network", "refused")}
    return {
        key: [text_of(item)[:300] for item in items[:50]] if isinstance(items, list) else []
        for key, items in lists.items()
    }
