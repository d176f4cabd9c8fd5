"""A search on the server, started, steered and kept from elsewhere: real kernel, real states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.records import Direction
from jupyter_mlagent.remote.search import RemoteSearch
from jupyter_mlagent.search.commands import NodePath, SearchHint, SearchLook, SearchPath
from jupyter_mlagent.search.events import NodeAdded, PathChosen, SearchBegan
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.search.view import NodeDetail
from jupyter_mlagent.server.kernels import ServerTrials
from jupyter_mlagent.settings import SessionSettings

SOURCES = (
    "from sklearn.dummy import DummyRegressor\nfrom sklearn.metrics import mean_absolute_error",
    "X_train, y_train, X_val, y_val = [[0], [1]], [1.0, 3.0], [[0], [1]], [8.0, 10.0]\nlevel = 2",
    "model = DummyRegressor().fit(X_train, y_train)\nprint(mean_absolute_error(y_val, model.predict(X_val)))",
)
METRIC = "mean_absolute_error(y_val, model.predict(X_val))"


def rise(by: str) -> str:
    return (
        f"{PREFILL} rise by {by}\nlevel = level + {by}\n"
        "model = DummyRegressor(strategy='constant', constant=level).fit(X_train, y_train)\n```"
    )


@pytest.fixture
def engine() -> Any:
    return ScriptedEngine(replies=[rise("3"), rise("int('x')"), rise("2"), rise("1")])


@pytest.fixture
def trials_factory() -> Any:
    return ServerTrials


async def test_it_is_seen_by_all_steered_looked_at_and_kept(joined: Any, client: Any, notebook: Path) -> None:
    cells = [new_code_cell(source, id=f"c{number}") for number, source in enumerate(SOURCES)]
    nbformat.write(new_notebook(cells=cells), notebook)
    heard: list[Any] = []
    async with joined() as workbench, joined(heard):
        workbench.session.settings = SessionSettings(allow_unguarded=True)
        await workbench.run_notebook()
        await workbench.session.set_metric(workbench.cells, METRIC, Direction.MINIMIZE)
        search = RemoteSearch(workbench, SearchBudget(steps=3), SearchSettings(), 1)
        events = [event async for event in search.events()]
        added = [event.node for event in events if isinstance(event, NodeAdded)]
        chosen = events[-1]
        assert isinstance(chosen, PathChosen) and chosen.node is not None and len(added) == 3
        assert [type(event) for event in heard if isinstance(event, SearchBegan)] == [SearchBegan]

        await search.obey(SearchHint(node=chosen.node, text="deeper"))
        detail = await search.obey(SearchLook(node=chosen.node))
        assert isinstance(detail, NodeDetail) and detail.cells[-1].source == chosen.steps[-1].source
        path = await search.obey(SearchPath(node=chosen.node))
        assert isinstance(path, NodePath) and path.steps == chosen.steps
        assert "rise by 3" in await search.export("html")

        kept, notice = await search.keep(chosen.node, workbench)
        assert [step.candidate.proposal.code for step in kept] == [step.source for step in chosen.steps]
        assert workbench.notebook.cells[-1].source == chosen.steps[-1].source
        assert not notice
