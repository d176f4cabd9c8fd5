"""The root of the fresh engine: started by the host with the kernel's interpreter, it runs no code of a
notebook itself.

It reads one request a line from its standard input, keeps a stem (stem.py) in the state that was asked for,
and reports on the FIFO each request names, exactly as a forked kernel's supervisor does.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

from . import stem
from .channel import Outbox
from .hosted import serve_host
from .in_place import measure
from .job import Job
from .replay import State
from .report import clean
from .runs import AbandonedError, Workshop
from .supervisor import resources_of
from .wire import Message, TrialSpec

_REPLAY_SECONDS = 3600.0
_COVER_SECONDS = 10.0
_PATIENCE = 4.0
"""A request may take this many times the seconds of its parts before the stem counts as lost."""
LOST = "The fresh process did not answer any more."


def main() -> None:
    serve_host(Root)


class Root:
    def __init__(self, parent_pid: int) -> None:
        self._parent_pid = parent_pid
        self._workshop: Workshop | None = None
        self._stem: Stem | None = None

    def serve(self, request: dict[str, Any]) -> None:
        spec = TrialSpec.from_json(request["spec"])
        state = State.from_json(request["state"])
        outbox = Outbox(os.open(spec.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            report = self._answer(spec, state, outbox)
            outbox.send({"kind": "report", **report})
            outbox.drain()
        except AbandonedError:
            self._stem = None
        finally:
            os.close(outbox.descriptor)

    def close(self) -> None:
        if self._workshop is not None:
            self._workshop.finish_all()

    def _answer(self, spec: TrialSpec, state: State, outbox: Outbox) -> Message:
        resources = resources_of(spec)
        resources = replace(resources, memory_bytes=resources.memory_bytes + state.kernel_bytes)
        if self._workshop is None:
            self._workshop = Workshop(resources, self._parent_pid, outbox)
        else:
            self._workshop.serve(resources, outbox)
        replay_seconds = 0.0
        if self._stem is None or not self._stem.serves(state):
            self._drop()
            self._stem = Stem(self._workshop, state)
            replay_seconds = self._stem.seconds
        found = self._stem
        if found.failed:
            self._drop()
            return {"status": "not_tried", "reason": found.failed, "replay_seconds": replay_seconds}
        if found.unsafe:
            self._stem = None
            report = measure(self._workshop, found.job, spec, lambda: self._another(state))
        else:
            report = self._fork(found, spec)
        return {**report, "replay_seconds": replay_seconds}

    def _fork(self, found: Stem, spec: TrialSpec) -> Message:
        """Have the stem serve the request in a fork of its own."""
        assert self._workshop is not None
        limits = spec.limits
        inner = replace(spec, tier="none", fifo="")
        patience = _PATIENCE * (limits.seconds + limits.metric_seconds) + 60
        found.job.request({"do": "fork", "spec": inner.to_json()})
        deadline = time.monotonic() + patience
        report = self._workshop.wait_for(found.job, "report", deadline, show=True)
        served = report and self._workshop.wait_for(found.job, "served", deadline)
        if report is None or served is None:
            self._drop()
            return {"status": "not_tried", "reason": LOST}
        answer = clean(report)
        answer["effects"] = effects = found.new_effects()
        if effects.get("files") or found.job.ending is not None:
            # The next trial must not find what this one wrote.
            self._drop()
        return answer

    def _another(self, state: State) -> Job | None:
        """One more process in the same state, for the audit; None when the replay fails this time."""
        assert self._workshop is not None
        extra = Stem(self._workshop, state)
        return None if extra.failed else extra.job

    def _drop(self) -> None:
        if self._stem is not None and self._workshop is not None:
            self._workshop.finish(self._stem.job)
        self._stem = None


class Stem:
    """A confined process that was brought to a state, as its root sees it."""

    def __init__(self, workshop: Workshop, state: State) -> None:
        self._state = state
        self._workshop = workshop
        began = time.monotonic()
        self.job = workshop.start(lambda confinement, ends: stem.grow(state, confinement, ends))
        told = workshop.wait_for(self.job, "replayed", time.monotonic() + _REPLAY_SECONDS)
        self.seconds = time.monotonic() - began
        self.unsafe = ""
        self.failed = ""
        if told is None:
            ending = self.job.ending
            self.failed = (
                ending.failed if ending else ""
            ) or "Running the notebook's cells again did not end well."
        else:
            self.failed = str(told.get("failed", ""))
            self.unsafe = str(told.get("unsafe", ""))
        self._before = self._files()

    def serves(self, state: State) -> bool:
        """Whether it is alive and in a state that has all that is wanted of `state`."""
        self.job.poll(0)
        same = replace(state, wanted=(), kernel_bytes=0) == replace(self._state, wanted=(), kernel_bytes=0)
        if self.job.ending is not None or not same:
            return False
        self.job.request({"do": "cover", "wanted": list(state.wanted)})
        answer = self._workshop.wait_for(self.job, "covers", time.monotonic() + _COVER_SECONDS)
        return answer is not None and answer.get("covers") is True

    def new_effects(self) -> dict[str, Any]:
        """What was written since the replay."""
        after = self._files()
        return {"files": [file for file in after if file not in self._before]}

    def _files(self) -> list[Any]:
        standing, _ = self.job.standing()
        found = standing.effects.get("files") if standing is not None else None
        return found if isinstance(found, list) else []
