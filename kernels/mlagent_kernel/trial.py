"""The trial's own process: runs the cell, tells what happened, then answers questions about what it made."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import cell, guard
from .channel import LineWriter
from .job import TrialEnds
from .kernel_state import Inheritance
from .metric import labels, parting, rereading, shipping
from .metric.holders import holders
from .metric.number import number_of
from .metric.plan import Plan
from .shell_copy import ShellCopy
from .streams import OutputSink, redirect
from .wire import Message

_MOST_HELD_BYTES = 64 << 20


@dataclass(frozen=True)
class Order:
    """What a trial is to do."""

    code: str | None
    """None: what to run, and `reseed`, come as the first request to a trial that was made ready for it."""
    plan: Plan | None = None
    """How the metric will be read, if there is one."""
    reseed: int | None = None
    shuffle_seed: int | None = None
    """Shuffle the held-out labels first: the audit's second run."""


def run(
    order: Order, shell: Any, inheritance: Inheritance, confinement: guard.Confinement, ends: TrialEnds
) -> None:
    """Be the trial in a freshly forked, confined process."""
    events = LineWriter(ends.events)
    inheritance.settle(ends)
    sink = OutputSink(events)
    redirect(sink, {"stdout": ends.stdout, "stderr": ends.stderr})
    copied = ShellCopy(shell, sink)
    if order.shuffle_seed is not None and order.plan is not None:
        truth, columns = order.plan.truth, order.plan.truth_columns
        before = _copies(shell.user_ns, truth) or {}
        rereading.install(shell.user_ns, before, truth, order.shuffle_seed, columns)
        labels.shuffle(labels.find(shell.user_ns, truth, columns), order.shuffle_seed)
    clerk = Clerk(shell.user_ns, order.plan, ends.payload) if order.plan is not None else None
    with os.fdopen(ends.requests, encoding="utf-8") as requests:
        code, seed = order.code, order.reseed
        if code is None:
            told = requests.readline()
            if not told:
                return
            code, seed = json.loads(told)["code"], json.loads(told)["reseed"]
        if seed is not None:
            reseed(seed)
        events.send({"kind": "running"})
        finished, failure = cell.run(copied, code)
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        sink.flush()
        finished["blocked"] = confinement.blocked_reason(failure) if failure is not None else None
        finished["observations"] = confinement.observations()
        events.send(finished)
        _serve(requests, events, clerk)


def reseed(seed: int) -> None:
    import random

    random.seed(seed)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % (1 << 32))


def _serve(requests: Iterable[str], events: LineWriter, clerk: Clerk | None) -> None:
    """Answer one question a line until the supervisor closes the pipe."""
    for line in requests:
        question = json.loads(line)
        answer = clerk.answer(question) if clerk is not None else {}
        events.send({"kind": "answered", **answer})


class Clerk:
    """Made before the cell runs, so that it remembers what things were; answers afterwards."""

    def __init__(self, namespace: dict[str, Any], plan: Plan, payload: int) -> None:
        self._namespace = namespace
        self._plan = plan
        self._payload = payload
        self._notebook = shipping.notebook_definitions(namespace)
        self._held = {name: namespace[name] for name in plan.fixed if name in namespace}
        self._truth = _copies(namespace, plan.truth)
        self._fingerprints = {name: shipping.fingerprint(namespace.get(name)) for name in plan.taken}

    def answer(self, question: Mapping[str, Any]) -> Message:
        try:
            if question["ask"] == "objects":
                return shipping.ship(
                    self._payload, self._namespace, question["names"], self._notebook, self._fingerprints
                )
            if question["ask"] == "parts":
                return self._parts(question["parts"])
            return self._whole()
        except BaseException as error:  # what the cell made may raise anything, SystemExit too
            return {"failed": f"{type(error).__name__}: {error}"[:300]}

    def _parts(self, sources: list[str]) -> Message:
        values = {
            f"{parting.PART}{index}": _plain(eval(source, self._namespace))  # noqa: S307
            for index, source in enumerate(sources)
        }
        return shipping.ship(self._payload, values, values, self._notebook)

    def _whole(self) -> Message:
        """The metric itself, with labels and scorers of before: for models that fit nowhere else."""
        if self._truth is None:
            return {"failed": "the held-out data could not be copied"}
        names = {**self._namespace, **self._held, **self._truth}
        value, reason = number_of(eval(self._plan.source.strip(), names))  # noqa: S307
        return {"value": value, "reason": reason}


def _plain(value: Any) -> Any:
    """Predictions as an array where they are something of the library's own."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and hasattr(type(value), "__array__") and not hasattr(value, "iloc"):
        module = type(value).__module__.partition(".")[0]
        if module not in ("numpy", "torch"):
            return numpy.asarray(value)
    return value


def _copies(namespace: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any] | None:
    """Copies of the held-out data that the cell cannot reach by name; None when they are large or not
    copyable.
    """
    size = sum(h.values.nbytes for n in names for h in holders(n, namespace.get(n), 1, set()))
    if size > _MOST_HELD_BYTES:
        return None
    try:
        return {name: copy.deepcopy(namespace[name]) for name in names if name in namespace}
    except Exception:
        return None
