"""A whole search over live states, with a script in place of the model only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.records import Cell, Direction, Guard, Metric, Operator, Task, TryEngine
from jupyter_mlagent.search.events import ExpansionFailed, SearchEnded
from jupyter_mlagent.search.live import LiveExpander
from jupyter_mlagent.search.search import Search
from jupyter_mlagent.search.settings import SearchBudget
from jupyter_mlagent.search.states import FIRST, LiveStates
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.api import Probe, TrialLimits
from jupyter_mlagent.trial.live_tree import LiveTree

from .growing import check, tree

NOTEBOOK = (
    "from sklearn.dummy import DummyRegressor\nfrom sklearn.metrics import mean_absolute_error",
    "X_train, y_train, X_val, y_val = [[0], [1]], [1.0, 3.0], [[0], [1]], [8.0, 10.0]\nlevel = 2",
    "model = DummyRegressor().fit(X_train, y_train)\nprint(mean_absolute_error(y_val, model.predict(X_val)))",
)
CELLS = tuple(Cell(id=f"cell-{n}", kind="code", source=source) for n, source in enumerate(NOTEBOOK))
METRIC = Metric(expression="mean_absolute_error(y_val, model.predict(X_val))", direction=Direction.MINIMIZE)
PROBE = Probe(
    python="python",
    python_version="3.11",
    pid=0,
    cwd=".",
    execution_count=3,
    variables=(),
    engine=TryEngine.FORK,
    engine_reason="",
    guard=Guard.NAMESPACES,
    guard_reason="",
)


@pytest.fixture
async def states(tmp_path: Path) -> AsyncIterator[LiveStates]:
    async def start() -> LiveTree:
        host = LiveTree(tmp_path, allow_unguarded=True)
        await host.start()
        return host

    made = LiveStates(start, NOTEBOOK, TrialLimits(seconds=30.0))
    yield made
    await made.close()


def reply(rise: str) -> str:
    return (
        f"{PREFILL} rise by {rise}\nlevel = level + {rise}\n"
        "model = DummyRegressor(strategy='constant', constant=level).fit(X_train, y_train)\n```"
    )


def expander(states: LiveStates, engine: ScriptedEngine) -> LiveExpander:
    return LiveExpander(
        notebook="nb.ipynb",
        task=Task(metric=METRIC),
        engine=engine,
        states=states,
        probe=PROBE,
        settings=SessionSettings(),
    )


async def test_steps_build_on_the_state_they_grew_from_and_the_best_path_is_ready(states: LiveStates) -> None:
    engine = ScriptedEngine(replies=[reply("3"), reply("1"), reply("2")])
    found = tree(metric=7.0, direction=Direction.MINIMIZE, drafts=2, redrafts=0, improvements=1)
    search = Search(found, expander(states, engine), SearchBudget(steps=6), cells=CELLS)
    events = [event async for event in search.events()]

    check(found)
    assert isinstance(events[-1], SearchEnded) and events[-1].tokens > 0
    for node in found.nodes[1:]:
        assert node.works, node.trial
        rises = [step.proposal.code.split("\n")[0].rpartition(" ")[2] for step in found.path(node.id)]
        level = 2 + sum(int(rise) for rise in rises)
        assert node.metric == (abs(8 - level) + abs(10 - level)) / 2
    assert found.best.metric == min(node.metric for node in found.nodes)
    first, *others = [node.proposal.predicted for node in found.nodes[1:]]
    assert first is None and all(said is not None and said.low < said.high for said in others)
    assert "predicted before 5 trials" in events[-1].summary
    assert (await states.read_metric(FIRST, METRIC)).value == 7.0
    assert states.replays == 1


async def test_a_failing_cell_is_repaired_from_the_state_before_it(states: LiveStates) -> None:
    engine = ScriptedEngine(replies=[reply("int('three')"), reply("3")])
    found = tree(metric=7.0, direction=Direction.MINIMIZE, drafts=1, redrafts=0)
    search = Search(found, expander(states, engine), SearchBudget(steps=2), cells=CELLS)
    assert [event async for event in search.events()]

    failed, repaired = found.nodes[1:]
    assert failed.trial.error.name == "ValueError"
    assert (repaired.operator, repaired.metric) == (Operator.DEBUG, 4.0)
    assert "int('three')" in engine.requests[1].messages[-1].content
    assert [node.id for node in found.best_path] == [repaired.id]


async def test_workers_share_the_engine_and_siblings_differ(states: LiveStates) -> None:
    engine = ScriptedEngine(replies=[reply("1"), reply("1"), reply("2"), reply("3")])
    found = tree(metric=7.0, direction=Direction.MINIMIZE, drafts=3)
    search = Search(found, expander(states, engine), SearchBudget(steps=4), cells=CELLS, workers=2)
    async with asyncio.timeout(120):
        events = [event async for event in search.events()]
    codes = [found.node(child).proposal.code for child in found.nodes[0].children]
    assert len(codes) == len(set(codes))
    assert any(isinstance(event, ExpansionFailed) for event in events)
    check(found)
