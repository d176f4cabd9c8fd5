"""A trial in a fresh process that cannot be forked either: the cell runs in the replayed state itself.

The metric is evaluated there, against objects held from before the cell. Nothing pristine is left to judge
it, so every improvement is audited in further fresh processes: one runs the cell with the labels shuffled,
one scores the state before the cell against permutations.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace

from .auditing import AUDIT_SEED, Audit, value_of
from .job import Job
from .report import report_of
from .runs import Workshop
from .wire import Message, TrialSpec

LATE = "Evaluating the metric took too long."


def measure(workshop: Workshop, job: Job, spec: TrialSpec, another: Callable[[], Job | None]) -> Message:
    """Serve one request in `job`, which it uses up; `another` replays the state once more."""
    if spec.code is None:
        return {"status": "ok", "reason": "", "metric": _read(workshop, job, spec)}
    planned, outcome = _run(workshop, job, spec, show=True)
    metric: Message | None = None
    if spec.metric is not None and outcome["kind"] == "finished" and outcome.get("error") is None:
        metric = _measure(workshop, job, spec, planned, another)
    workshop.finish(job, show=True)
    assert job.ending is not None
    report = report_of(outcome, job.ending, spec)
    if metric is not None and report["status"] == "ok":
        report["metric"] = metric
    return report


def _read(workshop: Workshop, job: Job, spec: TrialSpec) -> Message:
    job.request({"do": "read", "spec": spec.to_json()})
    answer = workshop.wait_for(job, "judged", time.monotonic() + spec.limits.metric_seconds)
    workshop.finish(job)
    value, reason = value_of(answer) if answer is not None else (None, LATE)
    return {"value": value, "reason": reason}


def _run(
    workshop: Workshop, job: Job, spec: TrialSpec, *, seed: int | None = None, show: bool = False
) -> tuple[Message, Message]:
    """(how the metric will be read, how the cell ended)."""
    job.request({"do": "cell", "spec": spec.to_json(), "shuffle_seed": seed})
    # What the cell prints may come in one piece with the plan.
    planned = workshop.wait_for(job, "planned", time.monotonic() + spec.limits.metric_seconds, show=show)
    return planned or {}, workshop.follow_cell(job, spec.limits.seconds, show=show)


def _measure(
    workshop: Workshop, job: Job, spec: TrialSpec, planned: Message, another: Callable[[], Job | None]
) -> Message:
    assert spec.metric is not None
    if planned.get("problem"):
        return {"value": None, "reason": str(planned["problem"])}
    answer = workshop.ask(job, {"ask": "whole"}, time.monotonic() + spec.limits.metric_seconds)
    value, reason = value_of(answer) if answer is not None else (None, LATE)
    if value is None or not spec.metric.improved_by(value) or planned.get("auditable") is not True:
        return {"value": value, "reason": reason}
    names = planned.get("names")
    audit = Audit(
        spec.metric, [str(name) for name in names] if isinstance(names, list) else [], value, reason
    )
    began = time.monotonic()
    found = audit.whole(
        draws=lambda: _draws(workshop, spec, another), second=lambda: _second(workshop, spec, another)
    )
    return asdict(replace(found, audit_seconds=time.monotonic() - began))


def _draws(workshop: Workshop, spec: TrialSpec, another: Callable[[], Job | None]) -> Message:
    job = another()
    if job is None:
        return {}
    try:
        job.request({"do": "read", "spec": spec.to_json(), "draws": True})
        return workshop.wait_for(job, "judged", time.monotonic() + spec.limits.metric_seconds) or {}
    finally:
        workshop.finish(job)


def _second(workshop: Workshop, spec: TrialSpec, another: Callable[[], Job | None]) -> float | str:
    """The score of a second run against the shuffled labels it could see, or what went wrong."""
    job = another()
    if job is None:
        return "the notebook's state could not be brought back"
    try:
        _, outcome = _run(workshop, job, spec, seed=AUDIT_SEED)
        if outcome["kind"] != "finished" or outcome.get("error") is not None:
            return "the cell did not end well"
        answer = workshop.ask(job, {"ask": "whole"}, time.monotonic() + spec.limits.metric_seconds)
        value = value_of(answer)[0] if answer is not None else None
        return "the metric could not be read" if value is None else value
    finally:
        workshop.finish(job)
