"""Jobs of one supervisor: starting them, following them, asking them, all while the host and the kernel
live.
"""

from __future__ import annotations

import os
import pickle
import select
import tempfile
import time
from typing import Any

from . import guard, judge, trial
from .channel import Outbox
from .job import Job, Resources, Standing, Work
from .judge import Question
from .kernel_state import Inheritance
from .metric.plan import Plan
from .outputs import OutputBudget
from .wire import Message

_SETUP_SECONDS = 30.0
"""For the guard and the fork, before a job's own clock starts."""
_POLL_SECONDS = 0.25


class AbandonedError(Exception):
    """Nobody waits for the result any more."""


class Workshop:
    """Starts confined processes, passes their outputs to the host, and ends them with it."""

    def __init__(self, resources: Resources, parent_pid: int, outbox: Outbox) -> None:
        """`parent_pid`: the process that started this one; when it is gone, so is the reason to go on."""
        self._parent_pid = parent_pid
        self._private: list[int] = []
        self._jobs: list[Job] = []
        self._payloads: dict[int, int] = {}
        self.serve(resources, outbox)

    def serve(self, resources: Resources, outbox: Outbox) -> None:
        """Turn to a new request: its limits for the jobs to come, its pipe for outputs."""
        self._resources = resources
        self._outbox = outbox
        self._budget = OutputBudget(resources.output_bytes)

    def keep_private(self, descriptor: int) -> None:
        """Of this process; nothing it starts may have it."""
        self._private.append(descriptor)

    def start(self, work: Work, control: int = -1) -> Job:
        payload = _unnamed_file()
        private = [self._outbox.descriptor, *self._private, *self._payloads.values()]
        for other in self._jobs:
            private += other.descriptors
        job = Job(work, self._resources, payload, private, control)
        self._jobs.append(job)
        self._payloads[id(job)] = payload
        return job

    def finish(self, job: Job, *, show: bool = False) -> None:
        for message in job.finish():
            self._is_output(message, show)
        self._jobs.remove(job)
        os.close(self._payloads.pop(id(job)))

    def standing(self, job: Job) -> Standing | None:
        """How a trial that lives stands, its outputs until then shown; None when it has to be finished to
        know.
        """
        standing, news = job.standing()
        for message in news:
            self._is_output(message, True)
        return standing

    def finish_all(self, but: Job | None = None) -> None:
        for job in list(self._jobs):
            if job is not but:
                self.finish(job)

    def follow_cell(self, job: Job, seconds: float, *, show: bool = True) -> Message:
        """Until the cell ends one way or another; `show`: pass its outputs to the host.

        Returns the trial's `finished` message, or `gone`, `late` or `stuck`; `seconds` are measured here.
        """
        began: float | None = None
        deadline = time.monotonic() + _SETUP_SECONDS
        while True:
            message = self._next(job, deadline, show)
            kind = message.get("kind") if message is not None else ""
            if kind == "running" and began is None:
                began = time.monotonic()
                deadline = began + seconds
            elif kind == "finished" and began is not None:
                return {**(message or {}), "seconds": time.monotonic() - began}
            elif message is None:
                spent = time.monotonic() - began if began is not None else 0.0
                if job.ending is not None:
                    return {"kind": "gone", "seconds": spent}
                return {"kind": "late" if began is not None else "stuck", "seconds": spent}

    def ask(self, job: Job, question: Message, deadline: float, *, show: bool = False) -> Message | None:
        """A trial's answer to a question; None when it died or took too long."""
        return self.wait_for(job, "answered", deadline, show=show) if job.request(question) else None

    def _fill(self, job: Job, data: bytes) -> None:
        """Put into a trial's file what is too large for a message."""
        written = 0
        while written < len(data):
            written += os.pwrite(self._payloads[id(job)], data[written:], written)

    def payload(self, job: Job, size: int) -> bytes:
        """What a trial wrote into its file."""
        found = bytearray()
        while len(found) < size:
            piece = os.pread(self._payloads[id(job)], size - len(found), len(found))
            if not piece:
                break
            found += piece
        return bytes(found)

    def wait_for(self, job: Job, kind: str, deadline: float, *, show: bool = False) -> Message | None:
        """The job's next message of that kind, others dropped; None when it ended or the time is over."""
        while True:
            message = self._next(job, deadline, show)
            if message is None or message.get("kind") == kind:
                return message

    def _next(self, job: Job, deadline: float, show: bool) -> Message | None:
        """A job's next message that is no output. Raises AbandonedError."""
        while not job.inbox and job.ending is None and time.monotonic() < deadline:
            self._poll(job, deadline, show)
        return job.inbox.popleft() if job.inbox else None

    def _poll(self, job: Job, deadline: float, show: bool) -> None:
        job.watch(self._outbox.descriptor, select.POLLOUT if self._outbox else 0)
        news = job.poll(min(_POLL_SECONDS, deadline - time.monotonic()))
        self._outbox.pump()
        if self._outbox.broken or _hung_up(self._outbox.descriptor) or os.getppid() != self._parent_pid:
            self.finish_all()
            raise AbandonedError
        job.inbox.extend(message for message in news if not self._is_output(message, show))

    def _is_output(self, message: Message, show: bool) -> bool:
        kind = message.get("kind")
        if kind not in ("output", "dropped"):
            return False
        if show:
            shown = self._budget.admit(message["output"]) if kind == "output" else self._budget.cut()
            for output in shown:
                self._outbox.send({"kind": "output", "output": output})
        return True


class Runs(Workshop):
    """Trials and judges forked from this process' pristine copy of a kernel."""

    def __init__(
        self,
        shell: Any,
        inheritance: Inheritance,
        resources: Resources,
        parent_pid: int,
        outbox: Outbox,
        around: guard.Confinement | None = None,
    ) -> None:
        """`around`: the confinement this process is itself in, where it is in one."""
        super().__init__(resources, parent_pid, outbox)
        self._shell = shell
        self._inheritance = inheritance
        self._around = around
        self._ready_trial: tuple[Plan | None, Job] | None = None
        self._ready_judge: Job | None = None

    @property
    def namespace(self) -> dict[str, Any]:
        """The kernel's variables, as they were."""
        names: dict[str, Any] = self._shell.user_ns
        return names

    def transform(self, code: str) -> str:
        """A cell as Python, after IPython's magics."""
        text: str = self._shell.transform_cell(code)
        return text

    def make_ready(self, plan: Plan | None) -> None:
        """Fork what the next trial with this plan will need: its process and, for a metric, a judge's."""
        if self._ready_trial is None:
            job = self._start_trial(trial.Order(None, plan))
            job.rest()
            self._ready_trial = plan, job
        if self._ready_judge is None and plan is not None:
            self._ready_judge = self._start_judge(None)
            self._ready_judge.rest()

    def finish_used(self) -> None:
        """End all processes but those that are ready for the next trial."""
        ready = [self._ready_judge, self._ready_trial[1] if self._ready_trial else None]
        for job in list(self._jobs):
            if job not in ready:
                self.finish(job)

    def start_trial(self, order: trial.Order) -> Job:
        ready, self._ready_trial = self._ready_trial, None
        if ready is not None:
            plan, job = ready
            suits = plan == order.plan and order.shuffle_seed is None
            if suits and self._hand(job, {"code": order.code, "reseed": order.reseed}):
                return job
            self.finish(job)
        return self._start_trial(order)

    def _start_trial(self, order: trial.Order) -> Job:
        return self.start(
            lambda confinement, ends: trial.run(
                order, self._shell, self._inheritance, self._around or confinement, ends
            )
        )

    def verdict_of(self, question: Question, deadline: float) -> Message:
        """A judge's answer; a `reason` without a `value` when there is none."""
        job = self._judge_for(question)
        try:
            answer = self.wait_for(job, "judged", deadline)
            if answer is not None:
                return answer
            ending = job.ending
        finally:
            job.kill()  # whoever waits for the report need not wait for this to be over
        if ending is None:
            return {"value": None, "reason": "Evaluating the metric took too long."}
        if ending.over == "memory":
            return {"value": None, "reason": "Evaluating the metric needs more memory than a trial may take."}
        reason = ending.failed or "The process that evaluated the metric ended unexpectedly."
        return {"value": None, "reason": reason}

    def _judge_for(self, question: Question) -> Job:
        job, self._ready_judge = self._ready_judge, None
        if job is not None:
            data = pickle.dumps(question)
            self._fill(job, data)
            if self._hand(job, {"bytes": len(data)}):
                return job
            self.finish(job)
        return self._start_judge(question)

    def _start_judge(self, question: Question | None) -> Job:
        return self.start(lambda _, ends: judge.run(question, self.namespace, self._inheritance, ends))

    def _hand(self, job: Job, request: Message) -> bool:
        """Have a process that was made ready go to work; False when it is gone."""
        job.inbox.extend(job.poll(0))
        job.wake()
        return job.ending is None and job.request(request)


def _unnamed_file() -> int:
    try:
        return os.memfd_create("mlagent-payload", os.MFD_CLOEXEC)
    except OSError:  # inside the guard, where a supervisor in a fresh process runs
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())


def _hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))
