"""Suggest and accept, again and again, until a budget is spent: what `mlagent run` and every autopilot do.

Only steps whose trial improved the metric, and whose real run confirmed it, stay. The flight is a stream of
events; closing it stops at once, and what was kept until then stands.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.errors import MetricError
from jupyter_mlagent.events import Failed, Ranked, SuggestEvent
from jupyter_mlagent.notebook import Gain
from jupyter_mlagent.records import Candidate, Cell, Metric, Operator, Record, TrialStatus
from jupyter_mlagent.session import NEUTRAL, Session
from jupyter_mlagent.workbench import Applied


class Budget(Record):
    steps: int = 5
    seconds: float | None = None
    candidates: int = 4
    seed: int | None = None


class StepBegan(Record, tag="step_began"):
    step: int
    metric: float | None
    seconds_left: float | None


class StepKept(Record, tag="step_kept"):
    step: int
    candidate: Candidate
    cell_id: str
    metric_before: float | None
    metric_after: float | None


class StepSkipped(Record, tag="step_skipped"):
    """A step that kept nothing; `reason` is one sentence."""

    step: int
    reason: str


class FlightEnded(Record, tag="flight_ended"):
    """Always the last event of a flight that was not closed."""

    steps: int
    kept: int
    metric_start: float | None
    metric_end: float | None
    reason: str


FlightEvent = SuggestEvent | StepBegan | StepKept | StepSkipped | FlightEnded


class Notebook(Protocol):
    """What a flight needs of the notebook it changes."""

    @property
    def cells(self) -> tuple[Cell, ...]: ...

    async def apply(self, acceptance: Acceptance, gain: Gain | None = None) -> Applied: ...

    def undo(self) -> bool: ...


async def fly(
    session: Session,
    notebook: Notebook,
    budget: Budget,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[FlightEvent]:
    """Raises MetricError when the session has no metric, MlagentError when kernel or engine is lost."""
    if session.metric is None:
        raise MetricError("A run needs a metric; name one with --metric.")
    began = clock()
    start = metric = (await session.read_metric()).value
    kept = step = 0
    reason = f"{budget.steps} steps done"
    for step in range(1, budget.steps + 1):
        left = None if budget.seconds is None else budget.seconds - (clock() - began)
        if left is not None and left <= 0:
            step, reason = step - 1, "the time is spent"
            break
        yield StepBegan(step=step, metric=metric, seconds_left=left)
        ranked: Ranked | None = None
        async with contextlib.aclosing(_one_request(session, notebook, budget, step)) as events:
            async for event in events:
                yield event
                if isinstance(event, Failed):
                    yield FlightEnded(
                        steps=step, kept=kept, metric_start=start, metric_end=metric, reason=event.message
                    )
                    return
                if isinstance(event, Ranked):
                    ranked = event
                if left is not None and clock() - began > budget.seconds:  # type: ignore[operator]
                    break
        best = best_improving(ranked)
        if best is None:
            yield StepSkipped(step=step, reason=why_nothing(ranked))
            continue
        applied = await _keep(session, notebook, best)
        after = applied.outcome.metric_after
        if applied.run.error is not None or not _confirmed(session, metric, after):
            notebook.undo()
            yield StepSkipped(step=step, reason=f"The real run did not confirm it: {applied.outcome.message}")
            reason = "a step could not be confirmed, and what it did in the kernel cannot be taken back"
            break
        kept += 1
        yield StepKept(
            step=step, candidate=best, cell_id=applied.cell_id, metric_before=metric, metric_after=after
        )
        metric = after
    yield FlightEnded(steps=step, kept=kept, metric_start=start, metric_end=metric, reason=reason)


async def _one_request(
    session: Session, notebook: Notebook, budget: Budget, step: int
) -> AsyncGenerator[SuggestEvent]:
    seed = None if budget.seed is None else budget.seed + step
    async with contextlib.aclosing(
        session.suggest(notebook.cells, candidates=budget.candidates, seed=seed)
    ) as events:
        async for event in events:
            yield event


async def _keep(session: Session, notebook: Notebook, best: Candidate) -> Applied:
    acceptance = session.accept(best.proposal.id, notebook.cells)
    return await notebook.apply(acceptance, gain_of(best, session.metric))


def gain_of(candidate: Candidate, metric: Metric | None) -> Gain:
    """What the accepted cell's metadata says of its trial."""
    return Gain(
        operator=candidate.proposal.operator,
        plan=candidate.proposal.plan,
        metric=metric,
        before=candidate.trial.metric_before,
        after=candidate.trial.metric_after,
        seconds=candidate.trial.seconds,
    )


def best_improving(ranked: Ranked | None) -> Candidate | None:
    """The best candidate that ran and got the metric better (or repaired the notebook)."""
    if ranked is None or not ranked.candidates:
        return None
    best = ranked.candidates[0]
    if best.trial.status is not TrialStatus.OK or not best.scored:
        return None
    repairs = best.proposal.operator is Operator.DEBUG and best.trial.metric_before is None
    return best if best.reward > NEUTRAL or repairs else None


def why_nothing(ranked: Ranked | None) -> str:
    """One sentence: why a request gave nothing to keep."""
    if ranked is None:
        return "The time was spent before a candidate was ready."
    if not ranked.candidates:
        return f"None of the {len(ranked.dropped)} replies was a usable cell."
    ran = sum(item.trial.status is TrialStatus.OK for item in ranked.candidates)
    return f"None of {len(ranked.candidates)} candidates improved the metric ({ran} ran)."


def _confirmed(session: Session, before: float | None, after: float | None) -> bool:
    if before is None:
        return True
    if after is None or session.metric is None:
        return False
    return session.metric.direction.sign * (after - before) > 0
