"""Cells: run, interrupt, edit here and outside, insert, delete, undo, save; and what another program does."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from script import small_notebook, until, write_notebook
from textual.widgets import Input

from mlagent_tui.desk.status import KernelState
from mlagent_tui.dialogs.choice import ChoiceScreen
from mlagent_tui.notebook.face import Activity
from mlagent_tui.notebook.pager import OutputText, PagerScreen


def sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def said(app, words: str) -> bool:
    return any(words in notice.message for notice in app._notifications)


async def test_x_runs_the_cell_and_goes_on(opened, core) -> None:
    async with opened() as (app, pilot):
        await pilot.press("j", "x")
        await until(pilot, lambda: app.desk.face("split").execution_count == 1 and not app.desk.busy)
        assert core.kernel.ran[0].startswith("X_train")
        assert app.desk.face("split").outputs[0]["text"] == "ran cell 1\n"
        assert app.screen.view.selected.id == "score"


async def test_waiting_and_running_cells_say_so_and_outputs_come_live(opened, core) -> None:
    core.kernel.hang = asyncio.Event()
    async with opened() as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: app.desk.face("split").activity is Activity.RUNNING)
        assert app.desk.face("score").activity is Activity.QUEUED
        assert app.desk.status.kernel is KernelState.BUSY
        core.kernel.live_outputs = ({"output_type": "stream", "name": "stdout", "text": "epoch 1\n"},)
        await until(pilot, lambda: bool(app.screen.view.face("split").outputs))
        assert app.screen.view.face("split").outputs[0]["text"] == "epoch 1\n"
        core.kernel.hang.set()
        await until(pilot, lambda: app.desk.status.kernel is KernelState.IDLE)


async def test_ctrl_c_interrupts_and_drops_nothing_of_the_notebook(opened, core) -> None:
    core.kernel.hang = asyncio.Event()
    async with opened() as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: bool(core.kernel.ran))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: core.kernel.interrupted == 1)
        await until(pilot, lambda: not app.desk.busy)
        assert len(app.desk.faces) == 4


async def test_a_cell_that_raises_keeps_those_behind_it_from_running(opened, core, tmp_path) -> None:
    cells = [new_code_cell("1 / 0", id="bad"), new_code_cell("print(1)", id="behind")]
    path = write_notebook(tmp_path, new_notebook(cells=cells), "raises.ipynb")
    async with opened(path=path) as (app, pilot):
        await pilot.press("X")
        await until(pilot, lambda: app.desk.face("bad").errored and not app.desk.busy)
        assert core.kernel.ran == ["1 / 0"]


async def test_a_kernel_that_is_killed_while_nothing_runs_is_said_too(opened, core) -> None:
    async with opened() as (app, pilot):
        core.kernel.pid = 1
        core.kernel.alive = False
        app.screen._look_around()
        await until(pilot, lambda: app.desk.status.kernel is KernelState.DEAD)
        assert said(app, "while nothing ran")


async def test_a_kernel_that_dies_is_said_and_can_be_restarted(opened, core, monkeypatch) -> None:
    async with opened() as (app, pilot):
        core.kernel.dies = {app.desk.face("split").source}
        await pilot.press("j", "x")
        await until(pilot, lambda: app.desk.status.kernel is KernelState.DEAD)
        assert said(app, "kernel died")
        await pilot.press("p")
        await until(pilot, lambda: said(app, "restart it first"))
        monkeypatch.setattr(app.desk.workbench, "restart", core.kernel.restart)
        await pilot.press("R")  # a dead kernel has nothing to lose: no question
        await until(pilot, lambda: app.desk.status.kernel is KernelState.IDLE)
        assert core.kernel.restarted == 1
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("r")
        await until(pilot, lambda: core.kernel.restarted == 2)


async def test_without_a_kernel_the_notebook_can_be_read_edited_and_saved(opened, core, notebook) -> None:
    core.failure = "The kernel 'python3' is not installed here."
    async with opened() as (app, pilot):
        assert app.desk.status.kernel is KernelState.ABSENT
        await pilot.press("j", "b", "q", "escape", "ctrl+s")
        await until(pilot, lambda: not app.desk.modified)
        assert sources(notebook)[2] == "q"
        await pilot.press("x")
        await until(pilot, lambda: said(app, "not installed here"))


async def test_e_edits_in_place_escape_keeps_and_u_takes_it_back(opened) -> None:
    async with opened() as (app, pilot):
        await pilot.press("G", "e")
        assert app.screen.pane.editor is not None
        await pilot.press("exclamation_mark", "escape")
        await pilot.pause()
        assert app.screen.pane.editor is None
        assert app.desk.face("end").source == "That is all.!"
        await pilot.press("u")
        await pilot.pause()
        assert app.desk.face("end").source == "That is all."


async def test_ctrl_g_throws_an_edit_away_and_ctrl_r_runs_it(opened, core) -> None:
    async with opened() as (app, pilot):
        await pilot.press("j", "e", "z", "ctrl+g")
        await pilot.pause()
        assert not app.desk.modified
        await pilot.press("e", "z", "ctrl+r")
        await until(pilot, lambda: bool(core.kernel.ran))
        assert core.kernel.ran[0].endswith("z")


async def test_capital_e_hands_the_cell_to_the_persons_editor(opened, tmp_path, monkeypatch) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nprintf 'from outside\\n' > \"$1\"\n")
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))
    async with opened() as (app, pilot):
        # A headless app cannot give up a terminal it does not have.
        monkeypatch.setattr(app, "suspend", __import__("contextlib").nullcontext)
        await pilot.press("j", "E")
        await pilot.pause()
        assert app.desk.face("split").source == "from outside"


async def test_a_missing_editor_is_one_sentence(opened, monkeypatch) -> None:
    monkeypatch.setenv("VISUAL", "no-such-editor --wait")
    async with opened() as (app, pilot):
        await pilot.press("E")
        await pilot.pause()
        assert said(app, "'no-such-editor' is not installed")


async def test_b_and_capital_b_insert_and_capital_d_deletes(opened) -> None:
    async with opened() as (app, pilot):
        await pilot.press("j", "b", "1", "escape", "k", "B", "2", "escape")
        await pilot.pause()
        assert [face.source for face in app.desk.faces][1:4:2] == ["2", "1"]
        await pilot.press("D")
        await pilot.pause()
        assert "2" not in [face.source for face in app.desk.faces]
        await pilot.press("u")
        await pilot.pause()
        assert [face.source for face in app.desk.faces][1] == "2"


async def test_o_shows_all_of_a_long_output(opened, tmp_path) -> None:
    node = small_notebook()
    lines = "".join(f"line {n}\n" for n in range(10_000))
    node.cells[1].outputs = [new_output("stream", name="stdout", text=lines)]
    path = write_notebook(tmp_path, node, "long.ipynb")
    async with opened(path=path) as (app, pilot):
        await pilot.press("j", "o")
        await until(pilot, lambda: isinstance(app.screen, PagerScreen))
        await pilot.press("G")
        await pilot.pause()
        text = app.screen.query_one(OutputText)
        assert "line 9999" in text.render_line(text.size.height - 1).text
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, PagerScreen)


async def test_ctrl_s_saves(opened, notebook) -> None:
    async with opened() as (app, pilot):
        await pilot.press("G", "e", "z", "escape", "ctrl+s")
        await until(pilot, lambda: not app.desk.modified)
        assert sources(notebook)[-1] == "That is all.z"


async def test_a_file_that_another_program_saved_is_asked_about_never_overwritten(opened, notebook) -> None:
    async with opened() as (app, pilot):
        await pilot.press("G", "e", "z", "escape")
        theirs = small_notebook()
        theirs.cells[0].source = "# Theirs"
        nbformat.write(theirs, notebook)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        assert sources(notebook)[0] == "# Theirs"
        await pilot.press("s")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        copy = notebook.with_name("mine.ipynb")
        app.screen.query_one(Input).value = str(copy)
        await pilot.press("enter")
        await until(pilot, copy.exists)
        assert sources(copy)[-1] == "That is all.z"
        assert sources(notebook)[0] == "# Theirs"


async def test_their_version_can_be_loaded(opened, notebook) -> None:
    async with opened() as (app, pilot):
        theirs = small_notebook()
        theirs.cells[0].source = "# Theirs"
        nbformat.write(theirs, notebook)
        app.screen._look_around()
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("l")
        await until(pilot, lambda: app.desk.faces[0].source == "# Theirs")


@pytest.mark.parametrize(("key", "kept"), [("s", True), ("d", False)])
async def test_q_asks_about_unsaved_work(opened, core, notebook, key, kept) -> None:
    async with opened() as (app, pilot):
        await pilot.press("G", "e", "z", "escape", "q")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press(key)
        await until(pilot, lambda: core.closed == 1)
        assert (sources(notebook)[-1] == "That is all.z") is kept


async def test_a_hang_up_saves_and_ends_kernel_and_model(opened, core, notebook) -> None:
    async with opened() as (app, pilot):
        await pilot.press("G", "e", "z", "escape")
        await pilot.pause()
        app.hang_up()
        await until(pilot, lambda: core.closed == 1 and core.engine.closed)
        assert app.rescued == notebook
        assert sources(notebook)[-1] == "That is all.z"


async def test_a_hang_up_writes_beside_a_file_that_changed_meanwhile(opened, core, notebook) -> None:
    async with opened() as (app, pilot):
        await pilot.press("G", "e", "z", "escape")
        await pilot.pause()
        theirs = small_notebook()
        theirs.cells[0].source = "# Theirs"
        nbformat.write(theirs, notebook)
        app.hang_up()
        await until(pilot, lambda: core.closed == 1)
        assert app.rescued == notebook.with_name("cells.recovered-1.ipynb")
        assert sources(app.rescued)[-1] == "That is all.z"
        assert sources(notebook)[0] == "# Theirs"
