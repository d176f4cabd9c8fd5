"""A state that stays alive: a process in the guard that holds what some cells made, and forks trials.

The first node of a tree replays a notebook; every other one is the very process in which a trial ran its
cell, left alive. Orders come on a socket of the node's own, each with the descriptor that its report goes
to; the node never answers on the socket, so a cell that finds it can disturb nobody but itself. A node ends
when the other end of its socket is closed, and what was grown from it ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from . import guard, replay, safety, supervisor, trial
from .channel import LineWriter, Outbox, report_on
from .forking import fork
from .job import Ending, Job, TrialEnds
from .kernel_state import Inheritance
from .measuring import Measuring
from .probe import variables
from .replay import State
from .report import report_of
from .runs import AbandonedError, Runs
from .wire import Message, TrialSpec

MOST_BYTES = 1 << 20
_COPY_SECONDS = 20.0
_IDLE_SECONDS = 3600.0
_NO_DESCRIPTOR = -1


def grow(state: State, confinement: guard.Confinement, ends: TrialEnds) -> None:
    """Be the first node of a tree: replay the whole notebook, tell how it went, then serve."""
    events = LineWriter(ends.events)
    Inheritance().settle(ends)
    events.send({"kind": "running"})
    os.chdir(state.cwd)
    if not _can_write_here():  # a guard without overlays
        _move_to_own_folder()
    replayed = replay.replay_and_tell(state, events, ends)
    if replayed is None:
        return
    shell, _ = replayed
    serve(ends.control, shell, confinement)


def serve(control: int, shell: Any, confinement: guard.Confinement) -> None:
    """Obey orders until the other end of the socket is closed."""
    with socket.socket(fileno=control) as orders:
        while True:
            _reap()
            text, descriptors, _, _ = socket.recv_fds(orders, MOST_BYTES, 2)
            if not text:
                return
            try:
                _obey(json.loads(text), descriptors, shell, confinement)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)


def _obey(order: Mapping[str, Any], descriptors: list[int], shell: Any, around: guard.Confinement) -> None:
    """`descriptors`: where the report goes, and the control socket of the node to be, if one is wanted."""
    if order["do"] == "probe":
        names = variables.own_names(shell)
        report_on(descriptors[0], {"variables": variables.summarise(shell.user_ns, names)})
        return
    unsafe = safety.unsafe_to_fork(shell)
    if unsafe:
        report_on(descriptors[0], {"status": "not_tried", "reason": unsafe})
        return
    inheritance, parent = Inheritance(), os.getpid()
    if fork() == 0:
        control = descriptors[1] if len(descriptors) > 1 else _NO_DESCRIPTOR
        spec = TrialSpec.from_json(order["spec"])
        _supervise(_Trials(spec, shell, inheritance, parent, around), descriptors[0], control)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _supervise(trials: _Trials, report_pipe: int, control: int) -> NoReturn:
    """Be the supervisor of one trial; where the trial stays as a node, also its keeper."""
    try:
        supervisor.leave_kernel()
        outbox = Outbox(report_pipe)
        try:
            report = trials.serve(outbox, control)
        except AbandonedError:
            os._exit(0)
        except BaseException as failure:  # the host must hear of it, and this copy must not run on
            report = {"status": "not_tried", "reason": f"The copy of the state failed: {failure!r}"}
        outbox.send({"kind": "report", **report})
        outbox.drain()
        os.close(report_pipe)
        trials.finish()
    finally:
        os._exit(0)


class _Trials:
    """What one supervisor does."""

    def __init__(
        self,
        spec: TrialSpec,
        shell: Any,
        inheritance: Inheritance,
        parent: int,
        around: guard.Confinement,
    ) -> None:
        self._spec = spec
        self._shell = shell
        self._inheritance = inheritance
        self._parent = parent
        self._around = around
        self.kept: Job | None = None
        self._runs: Runs | None = None

    def serve(self, outbox: Outbox, control: int) -> Message:
        """Do what was asked for; returns the report. Raises AbandonedError."""
        spec = self._spec
        resources = supervisor.resources_of(spec)
        runs = Runs(self._shell, self._inheritance, resources, self._parent, outbox, self._around)
        self._runs = runs
        measuring = Measuring(runs, spec.metric, spec.limits) if spec.metric is not None else None
        if spec.code is None:
            assert measuring is not None
            return {"status": "ok", "reason": "", "metric": asdict(measuring.as_it_stands())}
        order = trial.Order(spec.code, measuring.plan if measuring else None, reseed=spec.reseed)
        job = runs.start(lambda _, ends: self._live(order, ends), control)
        outcome = runs.follow_cell(job, spec.limits.seconds)
        ended_well = outcome["kind"] == "finished" and outcome.get("error") is None
        measured = measuring.after(job, spec.code, outcome["seconds"]) if measuring and ended_well else None
        readable = measuring is None or (measured is not None and measured.value is not None)
        if control != _NO_DESCRIPTOR and ended_well and readable and job.ending is None:
            return self._keep(runs, job, outcome, measured)
        return _with_metric(report_of(outcome, supervisor.end_of(runs, job, outcome), spec), measured)

    def _keep(self, runs: Runs, job: Job, outcome: Message, measured: Any) -> Message:
        standing = runs.standing(job)
        report = _with_metric(report_of(outcome, standing or Ending(), self._spec), measured)
        if standing is None:  # it ended meanwhile
            return report
        self.kept = job
        return {**report, "kept": True}

    def finish(self) -> None:
        """After the report: end what is left but the trial that stays, and be its keeper."""
        if self._runs is not None:
            self._runs.finish_all(but=self.kept)
        if self.kept is None:
            return
        self.kept.hold()
        while self.kept.ending is None:
            self.kept.poll(_IDLE_SECONDS)

    def _live(self, order: trial.Order, ends: TrialEnds) -> None:
        """Be the trial, and then, where its supervisor lets go of it, a node."""
        _move_to_own_folder()
        trial.run(order, self._shell, self._inheritance, self._around, ends)
        if ends.control != _NO_DESCRIPTOR:
            serve(ends.control, self._shell, self._around)


def _with_metric(report: Message, measured: Any) -> Message:
    if measured is not None and report["status"] == "ok":
        report["metric"] = asdict(measured)
    return report


def _can_write_here() -> bool:
    try:
        with tempfile.TemporaryFile(dir=Path.cwd()):
            return True
    except OSError:
        return False


def _move_to_own_folder() -> None:
    """Work in a copy of the working directory, since all trials of a tree share one guard.

    It lies in the trial's scratch folder and ends with it. Folders (the data) are linked, files are copied.
    """
    began = time.monotonic()
    here, there = Path.cwd(), Path(tempfile.mkdtemp(prefix="own-"))
    for entry in here.iterdir():
        if entry.is_dir():
            (there / entry.name).symlink_to(entry.resolve())
        elif entry.is_file() and time.monotonic() - began < _COPY_SECONDS:
            shutil.copyfile(entry, there / entry.name)
    os.chdir(there)
