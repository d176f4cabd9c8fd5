"""States of a search: real processes that fork, end and come back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import Direction, Metric, TrialStatus
from jupyter_mlagent.search.honest import held_to
from jupyter_mlagent.search.states import FIRST, LiveStates
from jupyter_mlagent.trial.api import TrialLimits
from jupyter_mlagent.trial.live_tree import LiveTree

NOTEBOOK = (
    "from sklearn.dummy import DummyRegressor\nfrom sklearn.metrics import mean_absolute_error",
    "X_train, y_train, X_val, y_val = [[0], [1]], [1.0, 3.0], [[0], [1]], [8.0, 10.0]\nlevel = 2",
    "model = DummyRegressor().fit(X_train, y_train)",
)
METRIC = Metric(expression="mean_absolute_error(y_val, model.predict(X_val))", direction=Direction.MINIMIZE)
LIMITS = TrialLimits(seconds=30.0)


@pytest.fixture
async def hosts() -> AsyncIterator[list[LiveTree]]:
    """The trees that were started, oldest first."""
    started: list[LiveTree] = []
    yield started
    for host in started:
        await host.close()


@pytest.fixture
async def states(tmp_path: Path, hosts: list[LiveTree]) -> AsyncIterator[LiveStates]:
    async def start() -> LiveTree:
        host = LiveTree(tmp_path, allow_unguarded=True)
        await host.start()
        hosts.append(host)
        return host

    made = LiveStates(start, NOTEBOOK, LIMITS, most=3)
    yield made
    await made.close()


def raise_by(number: int) -> str:
    """A cell that rests on what ran before it; the error of 7 goes down by `number`."""
    return (
        f"level += {number}\n"
        "model = DummyRegressor(strategy='constant', constant=level).fit(X_train, y_train)"
    )


async def test_a_step_is_a_fork_of_its_state_and_leaves_that_as_it_was(states: LiveStates) -> None:
    trial = await states.try_cell(FIRST, raise_by(3), METRIC, metric_before=7.0)
    assert (trial.status, trial.metric_after) == (TrialStatus.OK, 4.0)
    deeper = await states.try_cell((raise_by(3),), raise_by(2), METRIC, metric_before=4.0)
    assert deeper.metric_after == 2.0
    assert (await states.read_metric(FIRST, METRIC)).value == 7.0
    assert "level" in {variable.name for variable in await states.variables(FIRST)}
    assert states.replays == 1  # the notebook


async def test_a_cell_that_raises_is_a_result_and_no_state(states: LiveStates) -> None:
    shown: list[object] = []
    trial = await states.try_cell(FIRST, "print('so far')\n1 / 0", METRIC, on_output=shown.append)
    assert trial.status is TrialStatus.ERROR and trial.error.name == "ZeroDivisionError"
    assert shown and len(states) == 1
    with pytest.raises(KernelError, match="ZeroDivisionError"):
        await states.variables(("print('so far')\n1 / 0",))


async def test_states_over_the_limit_end_and_come_back_unnoticed(states: LiveStates) -> None:
    for number in range(1, 5):
        await states.try_cell(FIRST, raise_by(number), METRIC)
        assert len(states) <= 3
    assert states.replays == 1
    assert (await states.read_metric((raise_by(1),), METRIC)).value == 6.0
    assert (await states.read_metric((raise_by(2),), METRIC)).value == 5.0
    assert states.replays == 3


async def test_states_come_back_after_their_processes_were_killed(
    states: LiveStates, hosts: list[LiveTree]
) -> None:
    await states.try_cell(FIRST, raise_by(3), METRIC)
    root = psutil.Process(hosts[0].process_id)
    for process in [*root.children(recursive=True), root]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    while hosts[0].alive:
        await asyncio.sleep(0)
    assert (await states.read_metric((raise_by(3),), METRIC)).value == 4.0
    assert len(hosts) == 2


async def test_two_states_are_worked_in_at_the_same_time(states: LiveStates) -> None:
    await states.try_cell(FIRST, raise_by(3), METRIC)
    both = await asyncio.gather(
        states.try_cell(FIRST, raise_by(4), METRIC),
        states.try_cell((raise_by(3),), raise_by(3), METRIC),
    )
    assert [trial.metric_after for trial in both] == [3.0, 1.0]


@pytest.mark.parametrize(
    "tampering",
    ["y_val = model.predict(X_val)", "y_val[:] = [5.0, 5.0]", "mean_absolute_error = lambda *_: 0.0"],
)
async def test_nothing_is_built_on_a_state_whose_cell_changed_the_judge(
    states: LiveStates, tampering: str
) -> None:
    code = f"{raise_by(3)}\n{tampering}"
    trial = await states.try_cell(FIRST, code, METRIC, metric_before=7.0)
    held = await held_to(states, (code,), METRIC, trial)
    assert trial.metric_after in (4.0, None)  # the trial itself is judged by the labels from before
    assert held.status is not TrialStatus.OK or held.metric_after is None

    honest = await states.try_cell(FIRST, raise_by(3), METRIC, metric_before=7.0)
    assert await held_to(states, (raise_by(3),), METRIC, honest) == honest
