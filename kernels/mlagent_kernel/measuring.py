"""From a cell that ran to a number that can be believed: reads the metric, and audits what improved it.

Three ways, the first that works: the judge restores the cell's models and evaluates everything itself; the
trial evaluates the parts that need a model and the judge the rest; the trial evaluates the whole against
objects held from before. The second and the third always call for an audit of an improvement, the first one
when the cell could have seen the held-out labels.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from .job import Job
from .judge import Question
from .metric import following
from .metric import plan as plans
from .metric.number import number_of
from .metric.plan import Plan
from .metric.reading import UNTOUCHED, UNVERIFIABLE, Shipment
from .metric.shipping import MAX_BYTES
from .outputs import text_of
from .runs import Runs
from .trial import Order
from .wire import Limits, Message, MetricSpec

AUDIT_SEED = 20_231
OUTSIDE = "The metric was evaluated in the trial itself, since the model's class is the cell's own."
FOLLOWS = "The result follows the held-out labels: the cell trained on or read {names}."
UNCONFIRMED = "The improvement could not be confirmed: with {names} shuffled, {what}."
NOT_AUDITED = "Not audited: {names} could not be shuffled."
_AUDIT_PATIENCE = 2.0
"""The audit's run may take this many times as long as the first, or the first one's whole limit."""


@dataclass(frozen=True)
class Measurement:
    """What came out for one cell."""

    value: float | None = None
    reason: str = ""
    cheated: bool = False
    audit_seconds: float = 0.0


@dataclass(frozen=True)
class _Reading:
    """A value, and how it was come by."""

    value: float | None = None
    reason: str = ""
    shipments: tuple[Shipment, ...] = ()
    outside: bool = False
    """Code of the cell or the notebook took part."""
    whole: bool = False
    """The trial evaluated the whole expression."""
    could_see: bool = True
    places: int | None = None


class Measuring:
    """Reads one metric around one cell."""

    def __init__(self, runs: Runs, metric: MetricSpec, limits: Limits) -> None:
        self._runs = runs
        self._metric = metric
        self._limits = limits
        self._sign = 1 if metric.maximize else -1
        self.plan: Plan | None = None
        self._unreadable = ""
        try:
            self.plan = plans.make(metric.expression, runs.namespace)
        except (SyntaxError, ValueError, RecursionError) as error:
            self._unreadable = f"The metric is not a Python expression: {error}."

    def as_it_stands(self) -> Measurement:
        """The metric of the kernel, without a cell."""
        if self.plan is None:
            return Measurement(reason=self._unreadable)
        answer = self._runs.verdict_of(Question(self.plan), self._deadline())
        value, reason = _value(answer)
        return Measurement(value, reason)

    def after(self, job: Job, code: str, cell_seconds: float) -> Measurement:
        """The metric after a cell that ended well in `job`, audited where that is called for."""
        if self.plan is None:
            return Measurement(reason=self._unreadable)
        source = self._runs.transform(code)
        reading = self._read(job, source)
        if reading.value is None or not self._improves(reading.value):
            return Measurement(reading.value, reading.reason)
        if not (reading.outside or reading.could_see) or self.plan.on_features or not self.plan.taken:
            return Measurement(reading.value, reading.reason)
        began = time.monotonic()
        seconds = max(self._limits.seconds, _AUDIT_PATIENCE * cell_seconds)
        found = self._audit(reading, code, seconds)
        return replace(found, audit_seconds=time.monotonic() - began)

    def _deadline(self) -> float:
        return time.monotonic() + self._limits.metric_seconds

    def _improves(self, value: float) -> bool:
        before = self._metric.before
        return before is None or self._sign * (value - before) > 0

    def _names(self) -> str:
        assert self.plan is not None
        return ", ".join(f"`{name}`" for name in self.plan.truth or self.plan.undecided)

    # Reading

    def _read(self, job: Job, source: str, seed: int | None = None, draws: bool = False) -> _Reading:
        assert self.plan is not None
        deadline = self._deadline()
        question = Question(
            self.plan,
            source=source,
            sign=self._sign,
            before=self._metric.before,
            shuffle_seed=seed,
            draws=draws,
            seconds=self._limits.metric_seconds / 2,
        )
        if not self.plan.verifiable:
            return _Reading(reason=UNVERIFIABLE)
        if not self.plan.taken:
            value, reason = _value(self._runs.verdict_of(question, deadline))
            return _Reading(value, reason or UNTOUCHED)
        absent = [name for name in self.plan.fixed if name not in self._runs.namespace]
        objects = self._ship(job, {"ask": "objects", "names": [*self.plan.taken, *absent]}, deadline)
        if isinstance(objects, str):
            return _Reading(reason=objects)
        answer = self._runs.verdict_of(replace(question, shipments=(objects,)), deadline)
        if "away" not in answer:
            return self._reading(answer, (objects,))
        sources = answer.get("parts")
        if not isinstance(sources, list):
            return self._read_whole(job, deadline)
        parts = self._ship(job, {"ask": "parts", "parts": sources}, deadline)
        if isinstance(parts, str):
            return _Reading(reason=parts)
        both = (objects, parts)
        return self._reading(self._runs.verdict_of(replace(question, shipments=both), deadline), both)

    def _ship(self, job: Job, request: Message, deadline: float) -> Shipment | str:
        """What a trial sends, or why it sends nothing."""
        answer = self._runs.ask(job, request, deadline)
        if answer is None:
            return "The trial did not hand over what the metric needs in time."
        if "failed" in answer:
            return f"The metric could not be evaluated: {text_of(answer['failed'])}"
        size = sum(v for v in Shipment.of(answer, b"").sizes.values())
        if size > MAX_BYTES:
            return "The trial handed over more than the metric needs."
        return Shipment.of(answer, self._runs.payload(job, size))

    def _reading(self, answer: Message, shipments: tuple[Shipment, ...]) -> _Reading:
        value, reason = _value(answer)
        return _Reading(
            value,
            reason,
            shipments,
            outside=answer.get("outside") is True,
            could_see=answer.get("could_see") is not False,
            places=answer["places"] if isinstance(answer.get("places"), int) else None,
        )

    def _read_whole(self, job: Job, deadline: float) -> _Reading:
        answer = self._runs.ask(job, {"ask": "whole"}, deadline)
        if answer is None:
            return _Reading(reason="Evaluating the metric took too long.")
        if "failed" in answer:
            return _Reading(reason=f"The metric could not be evaluated: {text_of(answer['failed'])}")
        value, reason = _value(answer)
        return _Reading(value, reason or OUTSIDE, outside=True, whole=True)

    # Audit

    def _audit(self, reading: _Reading, code: str, seconds: float) -> Measurement:
        assert self.plan is not None and reading.value is not None
        after = self._draws(reading)
        if after.get("places") == 0:
            return Measurement(reading.value, NOT_AUDITED.format(names=self._names() or "the held-out data"))
        null_after = _draws(after)
        seen, null = self._second_run(code, seconds, reading.whole, null_after)
        if isinstance(seen, str):
            return self._unconfirmed(seen)
        if min(len(null), len(null_after)) < following.FEWEST_DRAWS:
            return self._unconfirmed("the metric took too long to be evaluated often enough")
        if following.follows(
            sign=self._sign,
            seen=seen,
            null=null,
            after=reading.value,
            null_after=null_after,
            before=self._metric.before,
        ):
            return Measurement(None, FOLLOWS.format(names=self._names()), cheated=True)
        return Measurement(reading.value, reading.reason)

    def _draws(self, reading: _Reading) -> Message:
        """Scores against permutations of the result, or, where only the trial can score it, of the kernel."""
        assert self.plan is not None
        shipments = () if reading.whole else reading.shipments
        question = Question(
            self.plan, shipments, draws=True, sign=self._sign, seconds=self._limits.metric_seconds / 2
        )
        return self._runs.verdict_of(question, self._deadline())

    def _second_run(
        self, code: str, seconds: float, whole: bool, null_after: list[float]
    ) -> tuple[float | str, list[float]]:
        """(score against the shuffled labels, draws of the same predictions), or (what went wrong, [])."""
        job = self._runs.start_trial(Order(code, self.plan, shuffle_seed=AUDIT_SEED))
        try:
            outcome = self._runs.follow_cell(job, seconds, show=False)
            if outcome["kind"] != "finished":
                return "the cell did not end well", []
            if outcome.get("error") is not None:
                return "the cell raised an error", []
            if whole:
                reading, null = self._read_whole(job, self._deadline()), null_after
            else:
                reading, null = self._read_shuffled(job)
        finally:
            self._runs.finish(job)
        if reading.value is None:
            return "the metric could not be read", []
        return reading.value, null

    def _read_shuffled(self, job: Job) -> tuple[_Reading, list[float]]:
        reading = self._read(job, "", AUDIT_SEED)
        if reading.value is None:
            return reading, []
        return reading, _draws(self._draws(reading))

    def _unconfirmed(self, what: str) -> Measurement:
        return Measurement(None, UNCONFIRMED.format(names=self._names(), what=what))


def _value(answer: Message) -> tuple[float | None, str]:
    """A judge's or a trial's answer as a real, finite number, whatever it sent."""
    reason = text_of(answer.get("reason"))[:500]
    if answer.get("value") is None:
        return None, reason or "The metric could not be evaluated."
    value, problem = number_of(answer["value"])
    return value, problem or reason


def _draws(answer: Message) -> list[float]:
    found: Any = answer.get("draws")
    numbers = [number_of(value)[0] for value in found] if isinstance(found, list) else []
    return [value for value in numbers if value is not None]
