"""The trial's own process: runs the cell, tells what happened, then serves requests about its state."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
from typing import Any

from . import cell, guard
from .channel import LineWriter
from .job import TrialEnds
from .shell_copy import ShellCopy
from .streams import OutputSink, redirect
from .wire import TrialSpec


class Inheritance:
    """What must be taken from the kernel before the fork because forking changes it."""

    def __init__(self) -> None:
        self.random_state = random.getstate()
        """`random` gives every forked child a new seed; the trial must draw what the kernel would."""
        self.collecting = gc.isenabled()


def run(
    spec: TrialSpec, shell: Any, inheritance: Inheritance, confinement: guard.Confinement, ends: TrialEnds
) -> None:
    """Be the trial in a freshly forked, confined process."""
    events = LineWriter(ends.events)
    settle(ends, inheritance)
    sink = OutputSink(events)
    redirect(sink, {"stdout": ends.stdout, "stderr": ends.stderr})
    copy = ShellCopy(shell, sink)
    if spec.reseed is not None:
        reseed(spec.reseed)
    events.send({"kind": "running"})
    assert spec.code is not None
    finished, failure = cell.run(copy, spec.code)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    sink.flush()
    finished["blocked"] = confinement.blocked_reason(failure) if failure is not None else None
    finished["observations"] = confinement.observations()
    events.send(finished)
    serve(ends)


def settle(ends: TrialEnds, inheritance: Inheritance) -> None:
    """Give this process streams of its own and the kernel's random state."""
    os.dup2(ends.stdout, 1)
    os.dup2(ends.stderr, 2)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    random.setstate(inheritance.random_state)
    if inheritance.collecting:
        gc.enable()


def reseed(seed: int) -> None:
    random.seed(seed)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % (1 << 32))


def serve(ends: TrialEnds) -> None:
    """Answer requests until the supervisor closes the pipe."""
    os.set_blocking(ends.requests, True)
    while os.read(ends.requests, 1):
        pass
