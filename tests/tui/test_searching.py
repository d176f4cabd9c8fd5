"""The search over real states, its model a script: the tree grows, is steered, and a path is kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from script import ScriptedCore, reply, until, write_notebook

from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.search.node import Status
from jupyter_mlagent.settings import SessionSettings
from mlagent_tui.app import MlagentApp
from mlagent_tui.desk.core import LocalCore
from mlagent_tui.desk.status import KernelState
from mlagent_tui.dialogs.metric import MetricScreen
from mlagent_tui.search.at_node import NotebookAtNode
from mlagent_tui.search.screen import SearchScreen
from mlagent_tui.search.tree import TreeSheet
from mlagent_tui.settings.model import Settings

CELLS = (
    "from sklearn.dummy import DummyRegressor\nfrom sklearn.metrics import mean_absolute_error",
    "X_train, y_train, X_val, y_val = [[0], [1]], [1.0, 3.0], [[0], [1]], [8.0, 10.0]\nlevel = 2",
    "model = DummyRegressor().fit(X_train, y_train)\nprint(mean_absolute_error(y_val, model.predict(X_val)))",
)


def rise(by: str) -> str:
    code = (
        f"level = level + {by}\n"
        "model = DummyRegressor(strategy='constant', constant=level).fit(X_train, y_train)\n"
        "print('level', level)"
    )
    return reply(f"Rise by {by}.", code)


class RealStates(ScriptedCore):
    """Kernel and live states are real; only the replies are written beforehand."""

    open_workbench = LocalCore(SessionSettings(allow_unguarded=True), keep_journal=False).open_workbench

    def __init__(self, replies: Sequence[str]) -> None:
        super().__init__()
        self.engine = ScriptedEngine(replies)  # type: ignore[assignment]


SMALL_RISES = tuple(rise(f"0.{number:02}") for number in range(1, 60))


@contextlib.asynccontextmanager
async def searching(tmp_path: Path, replies: Sequence[str] = SMALL_RISES) -> AsyncIterator[tuple[Any, Any]]:
    """The search screen over the notebook, before anything has begun; one step is sampled at a time."""
    code = [new_code_cell(cell, id=f"c{n}") for n, cell in enumerate(CELLS)]
    node = new_notebook(cells=[new_markdown_cell("# Level"), *code])
    app = MlagentApp(write_notebook(tmp_path, node), RealStates(replies), Settings(candidates=1))
    app.animation_level = "none"
    async with app.run_test(size=(140, 40)) as pilot:
        while app.desk.status.kernel is not KernelState.IDLE:
            assert app.desk.status.kernel is KernelState.STARTING, app.desk.status.kernel_note
            await asyncio.sleep(0.02)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, SearchScreen))
        try:
            yield app, pilot
        finally:
            await app.end()


async def eventually(app: Any, condition: Any) -> None:
    """Real kernels take the time they take; a search that ended without it ends the test."""
    while not condition(app.desk.explorer.record):
        assert app.desk.explorer.searching, app.desk.explorer.record.ended
        await asyncio.sleep(0.02)


async def grown(app: Any, pilot: Any, steps: int = 1) -> None:
    """Searching, with so many cells tried."""
    await pilot.press("enter")
    await eventually(app, lambda record: record.steps >= steps)


async def ended(app: Any) -> None:
    await app.desk.explorer.finished()
    if app.screen.__class__ is SearchScreen:
        app.screen.draw()


async def stopped(app: Any, pilot: Any, steps: int = 1) -> None:
    """Searched, stopped by hand, its best path kept."""
    await grown(app, pilot, steps)
    await pilot.press("s")
    await ended(app)


def shown(app: Any) -> str:
    return str(app.screen.query_one(TreeSheet).render())


async def test_it_grows_a_tree_and_s_puts_the_best_path_into_the_notebook(tmp_path: Path) -> None:
    replies = (rise("3"), rise("int('x')"), *SMALL_RISES)
    async with searching(tmp_path, replies) as (app, pilot):
        await stopped(app, pilot, steps=4)
        record = app.desk.explorer.record
        assert record.chosen.node == record.best
        path = [branch.node for branch in record.branches() if branch.node.best and branch.node.code]
        assert [node.code for node in path] == [face.source for face in app.desk.faces][-len(path) :]
        assert app.desk.status.metric_value == record.best_metric
        assert "notebook" in shown(app) and "★" in shown(app) and "failed" in shown(app)


@pytest.mark.slow
async def test_keys_move_over_the_tree_and_show_code_output_and_difference(tmp_path: Path) -> None:
    async with searching(tmp_path) as (app, pilot):
        await stopped(app, pilot, steps=12)
        await pilot.press("b")
        node = app.screen.query_one(TreeSheet).chosen
        assert node.id == app.desk.explorer.record.best
        body = app.screen.query_one("#node-body")
        assert node.code in str(body.render())
        await pilot.press("d")
        assert node.output.strip() in str(body.render())
        await pilot.press("d")
        assert ("--- parent" if node.diff else "all of it is new") in str(body.render())
        await pilot.press("left")
        assert app.screen.query_one(TreeSheet).chosen.id == node.parent
        await pilot.press("j")
        assert app.screen.query_one(TreeSheet).chosen.parent == node.parent


async def test_g_shows_the_notebook_in_a_node_and_runs_nothing(tmp_path: Path) -> None:
    async with searching(tmp_path) as (app, pilot):
        await stopped(app, pilot)
        before = app.desk.faces
        await pilot.press("b", "g")
        await until(pilot, lambda: isinstance(app.screen, NotebookAtNode))
        faces = app.screen.query_one("#at-node").faces
        assert faces[-1].source.startswith("level = level + 0.") and faces[-1].outputs
        await pilot.press("escape")
        assert app.desk.faces == before


async def test_pause_prune_pin_and_hint_reach_the_search(tmp_path: Path) -> None:
    async with searching(tmp_path) as (app, pilot):
        explorer, engine = app.desk.explorer, app.desk.core.engine
        await grown(app, pilot)
        await pilot.press("space")
        await eventually(app, lambda record: record.paused and not record.trying)
        app.screen.draw()
        await pilot.press("j", "i")
        await eventually(app, lambda record: record.nodes[1].pinned)
        await pilot.press("h", *"deeper", "enter")
        await eventually(app, lambda record: record.nodes[1].hint == "deeper")
        before = explorer.record.steps
        await pilot.press("space")
        await eventually(app, lambda record: record.steps > before + 1)
        prompts = ["\n".join(message.content for message in request.messages) for request in engine.requests]
        assert any("deeper" in prompt for prompt in prompts)
        app.screen.query_one(TreeSheet).go(1)
        await pilot.press("x")
        await eventually(app, lambda record: record.nodes[1].status is Status.PRUNED)
        await pilot.press("x")
        await eventually(app, lambda record: record.nodes[1].status is not Status.PRUNED)
        await pilot.press("s")
        await ended(app)


@pytest.mark.slow
async def test_any_path_can_be_kept_and_taken_back(tmp_path: Path) -> None:
    async with searching(tmp_path) as (app, pilot):
        await grown(app, pilot, steps=2)
        app.screen.draw()
        app.screen.query_one(TreeSheet).go(1)
        await pilot.press("a", "y")
        await ended(app)
        record = app.desk.explorer.record
        assert record.chosen.node == 1
        assert [face.source for face in app.desk.faces][-1] == record.nodes[1].code
        await pilot.press("u")
        assert [face.source for face in app.desk.faces][-1] == CELLS[-1]
        other = next(node for node in record.nodes.values() if node.parent == 0 and node.id != 1)
        app.screen.query_one(TreeSheet).go(other.id)
        await pilot.press("a", "y")
        await ended(app)
        assert [face.source for face in app.desk.faces][-1] == other.code


@pytest.mark.slow
async def test_w_writes_the_tree_and_never_over_a_file(tmp_path: Path) -> None:
    async with searching(tmp_path) as (app, pilot):
        await stopped(app, pilot)
        page, journal = tmp_path / "tree.html", tmp_path / "tree.json"
        await app.desk.explorer.export(journal)
        assert json.loads(journal.read_text())["nodes"]
        for _ in range(2):
            await pilot.press("w")
            app.screen.query_one("Input").value = str(page)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, SearchScreen))
            await until(pilot, page.exists)
            page.write_text(page.read_text().replace("<html", "<html mine"))
        assert page.read_text().count("<html mine mine") == 1


@pytest.mark.slow
async def test_leaving_in_the_middle_of_a_search_ends_it_and_leaves_the_notebook(tmp_path: Path) -> None:
    async with searching(tmp_path) as (app, pilot):
        await grown(app, pilot)
        await app.end()
        assert not app.desk.explorer.searching
        assert [face.source for face in app.desk.faces][-1] == CELLS[-1]


async def test_a_notebook_that_has_no_metric_is_asked_for_one(opened, notebook: Path) -> None:
    write_notebook(notebook.parent, new_notebook(cells=[new_code_cell("a = 1")]), notebook.name)
    async with opened() as (app, pilot):
        await pilot.press("t", "enter")
        await until(pilot, lambda: isinstance(app.screen, MetricScreen))
        assert app.desk.explorer.record.ended == "it needs a metric"
