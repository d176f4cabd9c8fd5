"""Reading a notebook and moving through it."""

from __future__ import annotations

from nbformat.v4 import new_code_cell, new_notebook, new_output
from script import small_notebook, write_notebook

from mlagent_tui.notebook.view import NotebookView


def text_of(view: NotebookView) -> str:
    return "\n".join(view.render_line(y).text.rstrip() for y in range(view.size.height))


async def test_every_kind_of_cell_is_on_the_screen(opened) -> None:
    async with opened() as (app, _):
        shown = text_of(app.screen.view)
        assert "Benign or malignant?" in shown
        assert "# Benign" not in shown
        assert "[1]" in shown
        assert "print(X_train.shape)" in shown
        assert "(398, 30)" in shown
        assert "0.8889" in shown


async def test_keys_move_the_cursor_and_stop_at_the_ends(opened) -> None:
    async with opened() as (app, pilot):
        view = app.screen.view
        await pilot.press("j", "j")
        assert view.selected.id == "score"
        await pilot.press("k")
        assert view.selected.id == "split"
        await pilot.press("G", "j", "j")
        assert view.selected.id == "end"
        await pilot.press("g", "up")
        assert view.selected.id == "intro"


async def test_a_click_selects_and_a_double_click_edits(opened) -> None:
    async with opened() as (app, pilot):
        await pilot.click("#notebook", offset=(20, 5))
        assert app.screen.view.selected.id == "split"
        await pilot.click("#notebook", offset=(20, 5), times=2)
        assert app.screen.pane.editor.text.startswith("X_train")


async def test_a_long_notebook_shows_its_end_and_comes_back(opened, tmp_path) -> None:
    cells = [
        new_code_cell(
            f"value_{n} = {n}\nprint(value_{n})", outputs=[new_output("stream", text=f"{n}\n" * (n % 7))]
        )
        for n in range(300)
    ]
    path = write_notebook(tmp_path, new_notebook(cells=cells), "long.ipynb")
    async with opened(path=path) as (app, pilot):
        view = app.screen.view
        await pilot.press("G")
        assert "value_299 = 299" in text_of(view)
        await pilot.press("g")
        assert "value_0 = 0" in text_of(view).split("\n")[0]
        await pilot.press(*["pagedown"] * 5, *["pageup"] * 5)
        assert "value_0 = 0" in text_of(view)


async def test_every_row_is_exactly_as_wide_as_the_view(opened, tmp_path) -> None:
    node = small_notebook()
    node.cells[1].source = "text = '日本語のとても長い文字列 👩‍🔬 " + "wide " * 60 + "'"
    path = write_notebook(tmp_path, node, "wide.ipynb")
    for size in ((80, 24), (200, 60), (40, 10)):
        async with opened(path=path, size=size) as (app, _):
            view = app.screen.view
            widths = {view.render_line(y).cell_length for y in range(view.size.height)}
            assert widths == {view.text_width}


async def test_resizing_keeps_the_cursor_in_sight(opened) -> None:
    async with opened(size=(160, 50)) as (app, pilot):
        await pilot.press("G")
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        assert "That is all." in text_of(app.screen.view)


async def test_an_empty_notebook_is_a_place_to_begin(opened, tmp_path) -> None:
    path = write_notebook(tmp_path, new_notebook(cells=[]), "empty.ipynb")
    async with opened(path=path) as (app, pilot):
        await pilot.press("j", "k", "x", "D", "o", "e")
        await pilot.press("b", "x", "equals_sign", "1", "escape")
        await pilot.pause()
        assert [face.source for face in app.desk.faces] == ["x=1"]
