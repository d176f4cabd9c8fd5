"""What the screens look like at fixed sizes, without time in them."""

from __future__ import annotations

import asyncio

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from script import METRIC, until, write_notebook
from snapshots import assert_matches

import jupyter_mlagent.suggestion as suggestion
from mlagent_tui.app import MlagentApp
from mlagent_tui.proposals.board import Phase

SIZES = [(80, 24), (120, 40), (200, 60)]
TABLE = """<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th><th>radius</th>
<th>area</th></tr></thead><tbody><tr><th>0</th><td>17.99</td><td>1001.0</td></tr><tr><th>1</th><td>20.57</td>
<td>1326.0</td></tr></tbody></table><p>2 rows x 2 columns</p>"""


def rich_notebook():
    """One of everything that a notebook can show."""
    prose = """# Title

Text with **bold**, *italic*, `code` and a [link](https://example.org).

- one
- two
  1. nested

> quoted

| model | score |
| --- | --- |
| tree | 0.91 |

```python
x = 1
```"""
    outputs = [
        new_output("stream", name="stdout", text="50%\r100%\nplain \x1b[31mred\x1b[0m \x1b]0;title\x07\n"),
        new_output("stream", name="stderr", text="a warning\n"),
        new_output("execute_result", data={"text/plain": "frame", "text/html": TABLE}),
    ]
    error = new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[31mValueError\x1b[0m: no"])
    return new_notebook(
        cells=[
            new_markdown_cell(prose, id="prose"),
            new_code_cell(
                "%matplotlib inline\n!ls\nprint(f'{1:.2f}')  # text", outputs=outputs, id="outputs"
            ),
            new_code_cell("raise ValueError('no')", outputs=[error], id="error"),
            new_code_cell(f"print({METRIC})", id="score"),
        ]
    )


@pytest.fixture(autouse=True)
def no_time(monkeypatch) -> None:
    """A request takes no time."""
    monkeypatch.setattr(suggestion.Suggestion, "_elapsed", lambda self: 1.5)


@pytest.mark.parametrize("size", SIZES)
async def test_a_notebook(opened, tmp_path, size) -> None:
    path = write_notebook(tmp_path, rich_notebook(), "rich.ipynb")
    async with opened(path=path, size=size) as (app, pilot):
        await pilot.press("j")
        await pilot.pause()
        assert_matches(app, f"notebook-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES)
async def test_ranked_proposals(opened, size) -> None:
    async with opened(size=size) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: app.desk.proposer.board.phase is Phase.RANKED)
        await pilot.pause()
        app.screen.panel._draw()
        await pilot.pause()
        assert_matches(app, f"proposals-{size[0]}x{size[1]}")


async def test_a_diff(opened) -> None:
    async with opened(size=(120, 40)) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: app.desk.proposer.board.phase is Phase.RANKED)
        await pilot.press("d")
        await pilot.pause()
        assert_matches(app, "diff-120x40")


async def test_proposals_without_colour(core, notebook, monkeypatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = MlagentApp(notebook, core)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.desk.workbench is not None)
        await pilot.press("p")
        await until(pilot, lambda: app.desk.proposer.board.phase is Phase.RANKED)
        await pilot.pause()
        app.screen.panel._draw()
        await pilot.pause()
        assert_matches(app, "proposals-no-colour-80x24")
        await app.end()


async def test_a_cell_being_edited(opened) -> None:
    async with opened(size=(80, 24)) as (app, pilot):
        app.screen.pane.query_one("#cell-editor").cursor_blink = False
        await pilot.press("j", "e")
        await pilot.pause()
        assert_matches(app, "editing-80x24")


async def test_the_autopilot_after_its_flight(opened) -> None:
    async with opened(size=(120, 40), autopilot_steps=2) as (app, pilot):
        await pilot.press("f", "enter")
        await until(pilot, lambda: app.desk.pilot.flight is not None and not app.desk.pilot.flying)
        await pilot.pause()
        app.screen._draw()
        await pilot.pause()
        assert_matches(app, "autopilot-120x40")


async def test_learning_without_a_trainer(opened, monkeypatch) -> None:
    monkeypatch.setattr("mlagent_tui.learning.screen.find_trainer", lambda: None)
    async with opened(size=(80, 24)) as (app, pilot):
        await pilot.press("l")
        await pilot.pause()
        assert_matches(app, "learning-80x24")


async def test_while_the_kernel_starts(opened, core) -> None:
    core.hold = asyncio.Event()
    async with opened(size=(80, 24), settle=False) as (app, pilot):
        await until(pilot, lambda: app.desk.document is not None)
        await pilot.pause()
        assert_matches(app, "starting-80x24")
        core.hold.set()
