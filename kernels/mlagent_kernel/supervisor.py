"""The supervisor: a pristine fork of the kernel that runs trials in further forks and reports to the host.

It never runs the cell itself, alone holds the pipe to the host, and believes nothing a trial says beyond what
it checked. When the host or the kernel goes away it ends the trial and itself.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import time
from typing import Any, NoReturn

from . import trial
from .channel import Outbox
from .forking import fork
from .job import Ending, Job, Resources
from .memory import available_memory
from .outputs import OutputBudget, error, text_of
from .wire import Message, TrialSpec

_SETUP_SECONDS = 30.0
"""For the guard and the fork, before the cell's own clock starts."""
_DRAIN_SECONDS = 20.0
_POLL_SECONDS = 0.25
_MEMORY_SHARE = 0.5


def start(spec: TrialSpec, shell: Any) -> int:
    """Fork a supervisor for one request; returns its process id at once. Call on the idle main thread."""
    inheritance = trial.Inheritance()
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
    spec: TrialSpec, shell: Any, inheritance: trial.Inheritance, kernel_pid: int, report_pipe: int
) -> NoReturn:
    try:
        _leave_kernel()
        outbox = Outbox(report_pipe)
        try:
            report = Supervisor(spec, shell, inheritance, kernel_pid, outbox).serve()
        except _AbandonedError:
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


class _AbandonedError(Exception):
    """Nobody waits for the result any more."""


class Supervisor:
    """Serves one request from pristine memory."""

    def __init__(
        self,
        spec: TrialSpec,
        shell: Any,
        inheritance: trial.Inheritance,
        kernel_pid: int,
        outbox: Outbox,
    ) -> None:
        self._spec = spec
        self._shell = shell
        self._inheritance = inheritance
        self._kernel_pid = kernel_pid
        self._outbox = outbox
        self._budget = OutputBudget(spec.limits.output_bytes)
        limits = spec.limits
        self._resources = Resources(
            tier=spec.tier,
            memory_bytes=limits.memory_bytes or int(available_memory() * _MEMORY_SHARE),
            disk_bytes=limits.disk_bytes,
            processes=limits.processes,
            output_bytes=limits.output_bytes,
        )

    def serve(self) -> Message:
        payload = os.memfd_create("mlagent-payload", os.MFD_CLOEXEC)
        job = Job(
            lambda confinement, ends: trial.run(
                self._spec, self._shell, self._inheritance, confinement, ends
            ),
            self._resources,
            payload,
            private=(self._outbox.descriptor,),
        )
        outcome = self._run_cell(job)
        self._finish(job)
        assert job.ending is not None
        return _report(outcome, job.ending, self._spec)

    def _run_cell(self, job: Job) -> Message:
        """Until the cell ends one way or another; outputs go to the host meanwhile."""
        began: float | None = None
        deadline = time.monotonic() + _SETUP_SECONDS
        while True:
            for message in self._poll(job, deadline):
                kind = message.get("kind")
                if kind == "running" and began is None:
                    began = time.monotonic()
                    deadline = began + self._spec.limits.seconds
                elif kind == "finished" and began is not None:
                    return {**message, "seconds": time.monotonic() - began}
            seconds = time.monotonic() - began if began is not None else 0.0
            if job.ending is not None:
                return {"kind": "gone", "seconds": seconds}
            if time.monotonic() >= deadline:
                return {"kind": "late" if began is not None else "stuck", "seconds": seconds}

    def _poll(self, job: Job, deadline: float) -> list[Message]:
        """The trial's messages but its outputs, which are passed on. Raises _AbandonedError."""
        job.watch(self._outbox.descriptor, select.POLLOUT if self._outbox else 0)
        news = job.poll(min(_POLL_SECONDS, deadline - time.monotonic()))
        self._outbox.pump()
        if self._outbox.broken or _hung_up(self._outbox.descriptor) or os.getppid() != self._kernel_pid:
            job.finish()
            raise _AbandonedError
        return [message for message in news if not self._pass_on(message)]

    def _pass_on(self, message: Message) -> bool:
        kind = message.get("kind")
        if kind not in ("output", "dropped"):
            return False
        shown = self._budget.admit(message["output"]) if kind == "output" else self._budget.cut()
        for output in shown:
            self._outbox.send({"kind": "output", "output": output})
        return True

    def _finish(self, job: Job) -> None:
        for message in job.finish():
            self._pass_on(message)


def _hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))


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
