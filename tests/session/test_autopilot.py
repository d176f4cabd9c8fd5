"""A flight: keeps what improves, says why it kept nothing, ends with its budget."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jupyter_mlagent import autopilot
from jupyter_mlagent.acceptance import Acceptance
from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.autopilot import Budget, FlightEnded, StepKept, StepSkipped, fly
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.errors import MetricError
from jupyter_mlagent.kernel import CellRun
from jupyter_mlagent.notebook import Gain
from jupyter_mlagent.records import Cell, Direction, Variable
from jupyter_mlagent.session import Session
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.scripted import ScriptedTrials
from jupyter_mlagent.workbench import Applied

METRIC = "mean_absolute_error(y_val, model.predict(X_val))"
VARIABLES = tuple(
    Variable(name=name, type="object", summary=name)
    for name in ("model", "X_train", "y_train", "X_val", "y_val", "mean_absolute_error", "Ridge", "Forest")
)


class Page:
    """A notebook whose real runs give what `real` says for the accepted source."""

    def __init__(self, trials: ScriptedTrials, real: Callable[[str], float]) -> None:
        self.cells: tuple[Cell, ...] = (
            Cell(id="start", kind="code", source="model = Mean().fit(X_train, y_train)", execution_count=1),
        )
        self.session: Session | None = None
        self.undone = 0
        self._trials = trials
        self._real = real

    async def apply(self, acceptance: Acceptance, gain: Gain | None = None) -> Applied:
        assert gain is not None and self.session is not None
        self._trials.metric = self._real(acceptance.source)
        self._trials.execution_count += 1
        cell = Cell(id=f"cell-{len(self.cells)}", kind="code", source=acceptance.source, execution_count=2)
        self.cells = (*self.cells, cell)
        run = CellRun(outputs=(), execution_count=2, seconds=0.1)
        return Applied(cell_id=cell.id, run=run, outcome=await self.session.confirm(acceptance))

    def undo(self) -> bool:
        self.undone += 1
        self.cells = self.cells[:-1]
        return True


def reply(name: str) -> str:
    return f"{PREFILL} {name}\nmodel = {name}().fit(X_train, y_train)\n```"


def make(replies: list[str], after: dict[str, float], real: Callable[[str], float]) -> tuple[Session, Page]:
    trials = ScriptedTrials(10.0, after, VARIABLES)
    page = Page(trials, real)
    session = Session(
        "nb.ipynb",
        engine=ScriptedEngine(replies=replies),
        trials=trials,
        settings=SessionSettings(candidates=len(replies)),
    )
    session.set_metric(page.cells, METRIC, Direction.MINIMIZE)
    page.session = session
    return session, page


async def flight(
    session: Session, page: Page, budget: Budget, **wishes: object
) -> list[autopilot.FlightEvent]:
    return [event async for event in fly(session, page, budget, **wishes)]  # type: ignore[arg-type]


async def test_the_best_improving_candidate_becomes_a_cell() -> None:
    session, page = make([reply("Ridge"), reply("Forest")], {"Ridge": 8.0, "Forest": 6.0}, lambda _: 6.0)

    events = await flight(session, page, Budget(steps=1, candidates=2))

    (kept,) = [event for event in events if isinstance(event, StepKept)]
    assert (kept.metric_before, kept.metric_after) == (10.0, 6.0)
    assert "Forest" in page.cells[-1].source
    end = events[-1]
    assert isinstance(end, FlightEnded)
    assert (end.kept, end.metric_start, end.metric_end) == (1, 10.0, 6.0)


async def test_a_step_that_makes_it_worse_is_not_kept() -> None:
    session, page = make([reply("Ridge")], {"Ridge": 12.0}, lambda _: 12.0)

    events = await flight(session, page, Budget(steps=2, candidates=1))

    assert len([event for event in events if isinstance(event, StepSkipped)]) == 2
    assert len(page.cells) == 1
    assert isinstance(events[-1], FlightEnded) and events[-1].kept == 0


async def test_a_gain_that_the_real_run_does_not_confirm_is_taken_back() -> None:
    session, page = make([reply("Ridge")], {"Ridge": 8.0}, lambda _: 11.0)

    events = await flight(session, page, Budget(steps=3, candidates=1))

    assert page.undone == 1 and len(page.cells) == 1
    assert not [event for event in events if isinstance(event, StepKept)]
    assert "could not be confirmed" in events[-1].reason  # type: ignore[union-attr]


async def test_no_step_begins_after_the_time_is_spent() -> None:
    session, page = make([reply("Ridge")], {}, lambda _: 10.0)
    moments = iter([0.0, *[200.0] * 50])

    events = await flight(
        session, page, Budget(steps=5, seconds=60, candidates=1), clock=lambda: next(moments)
    )

    end = events[-1]
    assert isinstance(end, FlightEnded)
    assert (end.steps, end.reason) == (0, "the time is spent")


async def test_a_flight_without_a_metric_does_not_start() -> None:
    session, page = make([], {}, lambda _: 0.0)
    session.metric = None
    with pytest.raises(MetricError):
        await flight(session, page, Budget())
