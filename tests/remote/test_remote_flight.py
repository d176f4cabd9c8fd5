"""The server's autopilot over a notebook that is joined from elsewhere: its cells are put in and run here."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlagent.autopilot import Budget, FlightEnded, StepKept, StepSkipped

DEFINITIONS = """\
from sklearn.ensemble import RandomForestClassifier
X_train, y_train = [[0], [1]], [0, 1]"""


@pytest.fixture
def budget() -> Budget:
    return Budget(steps=1, candidates=2)


async def flown(workbench: Any, budget: Budget) -> list[Any]:
    return [event async for event in workbench.fly(workbench, budget)]


async def test_a_step_that_holds_stays_in_the_notebook(joined: Any, source: Any, budget: Budget) -> None:
    async with joined() as workbench:
        await workbench.kernel.run_cell(DEFINITIONS)
        await workbench.session.set_metric(workbench.notebook.cells)
        put_in = workbench.insert

        def insert(acceptance: Any, gain: Any) -> str:
            # What the cell does to the kernel, the script has to be told.
            source.trials.metric, source.trials.execution_count, source.trials.after = 0.9, 2, {}
            return put_in(acceptance, gain)

        workbench.insert = insert
        events = await flown(workbench, budget)
        kept = next(event for event in events if isinstance(event, StepKept))
        assert (kept.metric_before, kept.metric_after) == (0.5, 0.9)
        assert workbench.notebook.cells[-1].id == kept.cell_id
        assert workbench.notebook.cells[-1].execution_count is not None
        assert isinstance(events[-1], FlightEnded) and events[-1].kept == 1


async def test_a_step_that_raises_for_real_is_taken_out_again(joined: Any, budget: Budget) -> None:
    async with joined() as workbench:
        before = [cell.id for cell in workbench.notebook.cells]
        await workbench.session.set_metric(workbench.notebook.cells)
        events = await flown(workbench, budget)
        assert any(isinstance(event, StepSkipped) for event in events)
        assert isinstance(events[-1], FlightEnded) and events[-1].kept == 0
        assert [cell.id for cell in workbench.notebook.cells] == before
