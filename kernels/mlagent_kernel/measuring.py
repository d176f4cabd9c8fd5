"""From a cell that ran to a number that can be believed: reads the metric, and audits what improved it.

Three ways, the first that works: the judge restores the cell's models and evaluates everything itself; the
trial evaluates the parts that need a model and the judge the rest; the trial evaluates the whole against
objects held from before. The second and the third always call for an audit of an improvement, the first one
when the cell could have seen the held-out labels.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from .auditing import AUDIT_SEED, Audit, Measurement, draws_of, value_of
from .job import Job
from .judge import Question
from .metric import plan as plans
from .metric.reading import UNTOUCHED, UNVERIFIABLE, Shipment
from .metric.shipping import MAX_BYTES
from .outputs import text_of
from .runs import Runs
from .trial import Order
from .wire import Limits, Message, MetricSpec

_Score = TypeVar("_Score")
OUTSIDE = "The metric was evaluated in the trial itself, since the model's class is the cell's own."
_AUDIT_PATIENCE = 2.0
"""The audit's run may take this many times as long as the first, or the first one's whole limit."""


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


class Measuring:
    """Reads one metric around one cell."""

    def __init__(self, runs: Runs, metric: MetricSpec, limits: Limits) -> None:
        self._runs = runs
        self._metric = metric
        self._limits = limits
        self.plan, self._unreadable = plans.try_make(metric.expression, runs.namespace)

    def as_it_stands(self) -> Measurement:
        """The metric of the kernel, without a cell."""
        if self.plan is None:
            return Measurement(reason=self._unreadable)
        answer = self._runs.verdict_of(Question(self.plan), self._deadline())
        value, reason = value_of(answer)
        return Measurement(value, reason)

    def after(self, job: Job, code: str, cell_seconds: float) -> Measurement:
        """The metric after a cell that ended well in `job`, audited where that is called for."""
        if self.plan is None:
            return Measurement(reason=self._unreadable)
        source = self._runs.transform(code)
        reading = self._read(job, source)
        if reading.value is None or not self._metric.improved_by(reading.value):
            return Measurement(reading.value, reading.reason)
        if not (reading.outside or reading.could_see) or self.plan.on_features or not self.plan.taken:
            return Measurement(reading.value, reading.reason)
        began = time.monotonic()
        seconds = max(self._limits.seconds, _AUDIT_PATIENCE * cell_seconds)
        found = self._audit(reading, code, seconds)
        return replace(found, audit_seconds=time.monotonic() - began)

    def _deadline(self) -> float:
        return time.monotonic() + self._limits.metric_seconds

    # Reading

    def _read(self, job: Job, source: str, seed: int | None = None) -> _Reading:
        assert self.plan is not None
        deadline = self._deadline()
        question = Question(
            self.plan,
            source=source,
            sign=self._metric.sign,
            before=self._metric.before,
            shuffle_seed=seed,
        )
        if not self.plan.verifiable:
            return _Reading(reason=UNVERIFIABLE)
        if not self.plan.taken:
            value, reason = value_of(self._runs.verdict_of(question, deadline))
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
        value, reason = value_of(answer)
        return _Reading(
            value,
            reason,
            shipments,
            outside=answer.get("outside") is True,
            could_see=answer.get("could_see") is not False,
        )

    def _read_whole(self, job: Job, deadline: float) -> _Reading:
        answer = self._runs.ask(job, {"ask": "whole"}, deadline)
        if answer is None:
            return _Reading(reason="Evaluating the metric took too long.")
        if "failed" in answer:
            return _Reading(reason=f"The metric could not be evaluated: {text_of(answer['failed'])}")
        value, reason = value_of(answer)
        return _Reading(value, reason or OUTSIDE, outside=True, whole=True)

    # Audit

    def _audit(self, reading: _Reading, code: str, seconds: float) -> Measurement:
        assert self.plan is not None and reading.value is not None
        labels = self.plan.truth or self.plan.undecided
        audit = Audit(self._metric, labels, reading.value, reading.reason)
        if reading.whole:
            return audit.whole(self._draws, lambda: self._second_run(code, seconds, self._score_whole))
        after = self._draws(reading.shipments)
        if after.get("places") == 0:
            return audit.not_audited()
        found = self._second_run(code, seconds, self._score)
        if isinstance(found, str):
            return audit.unconfirmed(found)
        seen, null = found
        return audit.decide(seen, null, draws_of(after))

    def _draws(self, shipments: tuple[Shipment, ...] = ()) -> Message:
        """Scores against permutations: of what was shipped, or of the kernel as it stands."""
        assert self.plan is not None
        question = Question(self.plan, shipments, draws=True, seconds=self._limits.metric_seconds / 2)
        return self._runs.verdict_of(question, self._deadline())

    def _second_run(self, code: str, seconds: float, score: Callable[[Job], _Score]) -> _Score | str:
        """What `score` makes of the cell run again with the labels shuffled, or what went wrong."""
        job = self._runs.start_trial(Order(code, self.plan, shuffle_seed=AUDIT_SEED))
        try:
            outcome = self._runs.follow_cell(job, seconds, show=False)
            if outcome["kind"] != "finished" or outcome.get("error") is not None:
                return "the cell did not end well"
            return score(job)
        except _UnscoredError:
            return "the metric could not be read"
        finally:
            self._runs.finish(job)

    def _score(self, job: Job) -> tuple[float, list[float]]:
        """(score against the labels the run saw, draws of the same predictions)."""
        reading = self._read(job, "", AUDIT_SEED)
        if reading.value is None:
            raise _UnscoredError
        return reading.value, draws_of(self._draws(reading.shipments))

    def _score_whole(self, job: Job) -> float:
        reading = self._read_whole(job, self._deadline())
        if reading.value is None:
            raise _UnscoredError
        return reading.value


class _UnscoredError(Exception):
    """The second run's result could not be scored."""
