"""What an audit's numbers say about a result (the rule itself: metric/following.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .metric import following
from .metric.number import number_of
from .outputs import text_of
from .wire import Message, MetricSpec

AUDIT_SEED = 20_231
"""Of the permutation that a second run sees."""
FOLLOWS = "The result follows the held-out labels: the cell trained on or read {names}."
UNCONFIRMED = "The improvement could not be confirmed: with {names} shuffled, {what}."
NOT_AUDITED = "Not audited: {names} could not be shuffled."
_TOO_SLOW = "the metric took too long to be evaluated often enough"


@dataclass(frozen=True)
class Measurement:
    """What came out for one cell."""

    value: float | None = None
    reason: str = ""
    cheated: bool = False
    audit_seconds: float = 0.0


@dataclass(frozen=True)
class Audit:
    """One result under audit: the metric, the names of the labels, the value and what is known about it."""

    metric: MetricSpec
    labels: Sequence[str]
    value: float
    reason: str = ""

    def not_audited(self) -> Measurement:
        return Measurement(self.value, NOT_AUDITED.format(names=self._names()))

    def unconfirmed(self, what: str) -> Measurement:
        """`what` happened in the second run that should not have."""
        return Measurement(None, UNCONFIRMED.format(names=self._names(), what=what))

    def decide(self, seen: float, null: Sequence[float], null_after: Sequence[float]) -> Measurement:
        """`seen`: the second run's score against the labels it could see; for the draws see `following`."""
        if min(len(null), len(null_after)) < following.FEWEST_DRAWS:
            return self.unconfirmed(_TOO_SLOW)
        if following.follows(
            sign=self.metric.sign,
            seen=seen,
            null=null,
            after=self.value,
            null_after=null_after,
            before=self.metric.before,
        ):
            return Measurement(None, FOLLOWS.format(names=self._names()), cheated=True)
        return Measurement(self.value, self.reason)

    def whole(self, draws: Callable[[], Message], second: Callable[[], float | str]) -> Measurement:
        """For results that only the trial itself could score: chance is what the state before the cell gets.

        `draws` answers for that state (`places`, `draws`), `second` runs the cell again with the labels
        shuffled.
        """
        answer = draws()
        if answer.get("places") == 0:
            return self.not_audited()
        null = draws_of(answer)
        seen = second()
        return self.unconfirmed(seen) if isinstance(seen, str) else self.decide(seen, null, null)

    def _names(self) -> str:
        return ", ".join(f"`{name}`" for name in self.labels) or "the held-out data"


def value_of(answer: Message) -> tuple[float | None, str]:
    """A judge's or a trial's answer as a real, finite number, whatever it sent."""
    reason = text_of(answer.get("reason"))[:500]
    if answer.get("value") is None:
        return None, reason or "The metric could not be evaluated."
    value, problem = number_of(answer["value"])
    return value, problem or reason


def draws_of(answer: Message) -> list[float]:
    found: Any = answer.get("draws")
    numbers = [number_of(value)[0] for value in found] if isinstance(found, list) else []
    return [value for value in numbers if value is not None]
