"""A search over an open notebook: real kernel, real states, a script in place of the model."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.autopilot import FlightEnded, StepKept
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.events import Notice
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.records import Direction
from jupyter_mlagent.search.events import PathChosen
from jupyter_mlagent.search.flight import SearchFlight
from jupyter_mlagent.search.log import SearchLog
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.workbench import open_workbench

CELLS = (
    "from sklearn.dummy import DummyRegressor\nfrom sklearn.metrics import mean_absolute_error",
    "X_train, y_train, X_val, y_val = [[0], [1]], [1.0, 3.0], [[0], [1]], [8.0, 10.0]\nlevel = 2",
    "model = DummyRegressor().fit(X_train, y_train)\nprint(mean_absolute_error(y_val, model.predict(X_val)))",
)
METRIC = "mean_absolute_error(y_val, model.predict(X_val))"


def reply(rise: str) -> str:
    return (
        f"{PREFILL} rise by {rise}\nlevel = level + {rise}\n"
        "model = DummyRegressor(strategy='constant', constant=level).fit(X_train, y_train)\n```"
    )


def write(folder: Path) -> Path:
    path = folder / "nb.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS]), path)
    return path


async def test_the_best_path_becomes_cells_that_the_kernel_confirms(tmp_path: Path) -> None:
    path = write(tmp_path)
    before = path.read_bytes()
    engine = ScriptedEngine(replies=[reply("3"), reply("int('x')"), reply("2"), reply("1")])
    wishes = SearchSettings(drafts=2, redrafts=0, improvements=1)
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        async with open_workbench(
            path, engine=engine, journal=journal, settings=SessionSettings(allow_unguarded=True)
        ) as workbench:
            await workbench.run_notebook()
            workbench.session.set_metric(workbench.cells, METRIC, Direction.MINIMIZE)
            flight = SearchFlight(workbench, SearchBudget(steps=5), wishes)
            events = [event async for event in flight.events()]
            cells = workbench.notebook.cells

    kept = [event for event in events if isinstance(event, StepKept)]
    end = events[-1]
    assert isinstance(end, FlightEnded) and end.metric_start == 7.0
    assert end.kept == len(kept) >= 2
    assert end.metric_end == flight.tree.best.metric == kept[-1].metric_after < 7.0
    inserted = [cell.source for cell in cells[len(CELLS) :]]
    assert inserted == [node.proposal.code for node in flight.tree.best_path]
    assert path.read_bytes() == before


async def test_a_search_that_ended_early_goes_on_from_its_file(tmp_path: Path) -> None:
    path, log = write(tmp_path), tmp_path / "search.jsonl"
    wishes = SearchSettings(drafts=2, redrafts=0, improvements=1)
    grown = []
    for replies in ([reply("3"), reply("1")], [reply("2"), reply("1.5")]):
        engine = ScriptedEngine(replies=replies)
        async with open_workbench(
            path, engine=engine, settings=SessionSettings(allow_unguarded=True)
        ) as workbench:
            await workbench.run_notebook()
            workbench.session.set_metric(workbench.cells, METRIC, Direction.MINIMIZE)
            flight = SearchFlight(workbench, SearchBudget(steps=2), wishes, log=log)
            assert [event async for event in flight.events()]
        grown.append([growth.proposal.code for growth in flight.tree.growths])
    assert len(grown[0]) == 2 and len(grown[1]) == 4
    assert grown[1][:2] == grown[0]
    assert all(node.works for node in flight.tree.nodes)


async def test_the_file_of_another_notebook_is_refused(tmp_path: Path) -> None:
    path, log = write(tmp_path), tmp_path / "search.jsonl"
    SearchLog(log, Tree(state_hash="other", metric=1.0, direction=Direction.MINIMIZE))
    async with open_workbench(
        path, engine=ScriptedEngine(), settings=SessionSettings(allow_unguarded=True)
    ) as workbench:
        await workbench.run_notebook()
        workbench.session.set_metric(workbench.cells, METRIC, Direction.MINIMIZE)
        flight = SearchFlight(workbench, SearchBudget(steps=2), SearchSettings(), log=log)
        with pytest.raises(MlagentError, match="another file"):
            assert [event async for event in flight.events()]


SPLIT = (
    "import numpy as np\nfrom sklearn.dummy import DummyRegressor\n"
    "from sklearn.linear_model import LinearRegression\nfrom sklearn.metrics import mean_absolute_error\n"
    "from sklearn.model_selection import train_test_split",
    "X = np.arange(60.0).reshape(-1, 1)\ny = 3 * X[:, 0] + np.random.default_rng(0).normal(0, 5, 60)\n"
    "X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)",
    "model = DummyRegressor().fit(X_train, y_train)\nprint(mean_absolute_error(y_val, model.predict(X_val)))",
)


async def test_the_best_paths_are_measured_on_other_splits_before_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "nb.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in SPLIT]), path)
    models = {
        "fit a line": "LinearRegression().fit(X_train, y_train)",
        "take the median": "DummyRegressor(strategy='median').fit(X_train[:40], y_train[:40])",
        "fit a line through zero": "LinearRegression(fit_intercept=False).fit(X_train, y_train)",
    }
    replies = [f"{PREFILL} {plan}\nmodel = {model}\n```" for plan, model in models.items()]
    async with open_workbench(
        path, engine=ScriptedEngine(replies=replies), settings=SessionSettings(allow_unguarded=True)
    ) as workbench:
        await workbench.run_notebook()
        workbench.session.set_metric(workbench.cells, METRIC, Direction.MINIMIZE)
        flight = SearchFlight(workbench, SearchBudget(steps=3), SearchSettings(redrafts=0))
        events = [event async for event in flight.events()]
    (chosen,) = [event for event in events if isinstance(event, PathChosen)]
    assert chosen.sentence.startswith("On 2 other splits of the data")
    kept = [event for event in events if isinstance(event, StepKept)]
    assert len(kept) == 1 and "a line" in kept[0].candidate.proposal.plan


async def test_an_earlier_notebook_is_drawn_on_shown_and_left_out_on_request(tmp_path: Path) -> None:
    wishes = SearchSettings(drafts=1, redrafts=0, improvements=1)
    prompts, notices = [], []
    with Journal.open(tmp_path / "journal.sqlite") as journal:
        for name, insights in (("one", True), ("two", True), ("three", False)):
            (tmp_path / name).mkdir()
            engine = ScriptedEngine(replies=[reply("3")])
            async with open_workbench(
                write(tmp_path / name),
                engine=engine,
                journal=journal,
                settings=SessionSettings(allow_unguarded=True),
            ) as workbench:
                await workbench.run_notebook()
                workbench.session.set_metric(workbench.cells, METRIC, Direction.MINIMIZE)
                flight = SearchFlight(workbench, SearchBudget(steps=1), wishes, insights=insights)
                events = [event async for event in flight.events()]
            notices.append([event.text for event in events if isinstance(event, Notice)])
            prompts.append(engine.requests[0].messages[-1].content)
    assert notices[0] == notices[2] == [] and "earlier notebooks" in notices[1][0]
    assert ["In earlier notebooks" in prompt for prompt in prompts] == [False, True, False]
    assert "- rise by 3: mean_absolute_error from 7 to 4" in prompts[1]
