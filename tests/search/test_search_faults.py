"""What may go wrong in a search, with real kernels and states: it goes on, or says so, and loses nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from jupyter_mlagent.autopilot import FlightEnded, StepKept
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.engine.open import open_engine
from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.events import Notice
from jupyter_mlagent.records import Direction
from jupyter_mlagent.search.events import ExpansionBegan, NodeAdded, PathChosen, SearchEnded
from jupyter_mlagent.search.flight import SearchFlight, SearchFlightEvent
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.workbench import Workbench, open_workbench

from .test_search_flight import METRIC, reply, write

WISHES = SearchSettings(drafts=2, redrafts=0, improvements=1)


@contextlib.asynccontextmanager
async def opened(folder: Path, *replies: str, metric: str = METRIC) -> AsyncIterator[Workbench]:
    path = write(folder)
    async with open_workbench(
        path, engine=ScriptedEngine(replies=replies), settings=SessionSettings(allow_unguarded=True)
    ) as workbench:
        await workbench.run_notebook()
        workbench.session.set_metric(workbench.cells, metric, Direction.MINIMIZE)
        yield workbench


def of_kind(events: list[SearchFlightEvent], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


async def test_it_goes_on_after_the_processes_of_its_states_were_killed(tmp_path: Path) -> None:
    async with opened(tmp_path, reply("3"), reply("1"), reply("2")) as workbench:
        before = set(psutil.Process().children())
        flight, events = SearchFlight(workbench, SearchBudget(steps=5), WISHES), []
        async for event in flight.events():
            events.append(event)
            if isinstance(event, NodeAdded) and event.node.id == 2:
                killed = set(psutil.Process().children()) - before
                for process in killed:
                    process.kill()
        assert killed
    assert len(of_kind(events, NodeAdded)) == 5
    assert [node.trial.error for node in flight.tree.nodes[1:]] == [None] * 5
    assert of_kind(events, FlightEnded)[0].metric_end < 7.0


async def test_a_kernel_that_died_meanwhile_is_started_again_for_the_best_path(tmp_path: Path) -> None:
    async with opened(tmp_path, reply("3"), reply("2")) as workbench:
        flight, events = SearchFlight(workbench, SearchBudget(steps=2), WISHES), []
        async for event in flight.events():
            events.append(event)
            if isinstance(event, NodeAdded) and event.node.id == 1:
                psutil.Process(workbench.kernel.pid).kill()
    assert any("started again" in notice.text for notice in of_kind(events, Notice))
    assert of_kind(events, FlightEnded)[0].metric_end == flight.tree.best.metric


async def test_where_every_cell_fails_the_notebook_stays_as_it_was(tmp_path: Path) -> None:
    failing = [reply(f"int('{letter}')") for letter in "abcdefgh"]
    async with opened(tmp_path, *failing) as workbench:
        cells = [cell.source for cell in workbench.notebook.cells]
        flight = SearchFlight(workbench, SearchBudget(steps=6), WISHES)
        events = [event async for event in flight.events()]
        assert [cell.source for cell in workbench.notebook.cells] == cells
    (end,) = of_kind(events, FlightEnded)
    assert (end.kept, end.metric_start, end.metric_end) == (0, 7.0, 7.0)
    assert of_kind(events, PathChosen)[0].node is None
    assert "failed" in of_kind(events, SearchEnded)[0].summary


async def test_a_metric_that_never_can_be_read_ends_in_a_sentence(tmp_path: Path) -> None:
    unreadable = f"{METRIC} / (level * 0)"
    async with opened(tmp_path, reply("3"), reply("2"), metric=unreadable) as workbench:
        flight = SearchFlight(workbench, SearchBudget(steps=2), WISHES)
        events = [event async for event in flight.events()]
    (end,) = of_kind(events, FlightEnded)
    assert (end.kept, end.metric_end) == (0, None)
    assert all(node.ended == "Its metric cannot be read." for node in flight.tree.nodes[1:])
    assert "no readable metric" in of_kind(events, SearchEnded)[0].summary


async def test_what_the_person_edits_meanwhile_stays_and_is_told_of(tmp_path: Path) -> None:
    async with opened(tmp_path, reply("3"), reply("2")) as workbench:
        flight, events = SearchFlight(workbench, SearchBudget(steps=2), WISHES), []
        async for event in flight.events():
            events.append(event)
            if isinstance(event, NodeAdded) and event.node.id == 1:
                last = workbench.cells[-1].id
                mine = workbench.notebook.insert_after(last, "level = 1")
                await workbench.run_cell(mine)
        sources = [cell.source for cell in workbench.notebook.cells]
    assert any("You changed the notebook" in notice.text for notice in of_kind(events, Notice))
    assert "level = 1" in sources
    kept = of_kind(events, StepKept)
    assert [step.candidate.proposal.code in sources for step in kept] == [True] * len(kept)
    end = of_kind(events, FlightEnded)[0]
    assert end.kept == len(kept) == 1 and end.metric_end == 5.0  # 1 + 3, measured in the kernel as it is


@pytest.mark.model
async def test_it_goes_on_after_the_models_process_was_killed(tmp_path: Path) -> None:
    """What the smallest model proposes is seldom right; that it is asked and tried again is what counts."""
    try:
        engine = open_engine("smollm2-135m")
    except ModelError as error:
        pytest.skip(str(error))
    settings = SessionSettings(allow_unguarded=True, max_tokens=160, min_tokens=64)
    events, killed = [], None
    try:
        async with open_workbench(write(tmp_path), engine=engine, settings=settings) as workbench:
            await workbench.run_notebook()
            workbench.session.set_metric(workbench.cells, METRIC, Direction.MINIMIZE)
            flight = SearchFlight(workbench, SearchBudget(steps=1), SearchSettings(drafts=4, redrafts=0))
            async for event in flight.events():
                events.append(event)
                if isinstance(event, ExpansionBegan) and killed is None:
                    killed = (await engine.start()).worker_pid
                    psutil.Process(killed).kill()
        assert (await engine.info()).worker_pid not in (None, killed)
    finally:
        await engine.close()
    assert of_kind(events, SearchEnded) and of_kind(events, FlightEnded)
