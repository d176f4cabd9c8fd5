"""The autopilot: within its budget, visibly, and stopped at once."""

from __future__ import annotations

import asyncio

from script import FOREST, until
from textual.widgets import Static

from mlagent_tui.autopilot.plot import plot, scale_for
from mlagent_tui.autopilot.screen import AutopilotScreen


async def flying(app, pilot, *keys) -> None:
    await pilot.press("f")
    await until(pilot, lambda: isinstance(app.screen, AutopilotScreen))
    await pilot.press(*keys, "enter")


def text(app, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).render())


async def test_it_keeps_what_improves_and_shows_the_metric_step_by_step(opened, core) -> None:
    async with opened(autopilot_steps=2) as (app, pilot):
        await flying(app, pilot)
        await until(pilot, lambda: app.desk.pilot.flight is not None and not app.desk.pilot.flying)
        await pilot.pause()
        flight = app.desk.pilot.flight
        assert flight.kept == 1
        assert flight.best == [0.8889, 0.9532, 0.9532]
        assert FOREST in [face.source for face in app.desk.faces]
        assert "0.8889 → 0.9532" in text(app, "#flight-head")
        assert "0.8889 → 0.9532" in text(app, "#flight-log")
        assert "●" in text(app, "#flight-plot")


async def test_s_stops_at_once_and_what_was_kept_stays(opened, core) -> None:
    core.engine.gate, core.engine.free_requests = asyncio.Event(), 1
    async with opened(autopilot_steps=5) as (app, pilot):
        await flying(app, pilot)
        await until(pilot, lambda: bool(app.desk.pilot.flight and app.desk.pilot.flight.step == 2))
        await pilot.press("s")
        await until(pilot, lambda: not app.desk.pilot.flying)
        assert "stopped" in app.desk.pilot.flight.ended
        assert FOREST in [face.source for face in app.desk.faces]


async def test_the_budget_is_set_with_plus_and_brackets(opened) -> None:
    async with opened(autopilot_steps=5, autopilot_minutes=10) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, AutopilotScreen))
        await pilot.press("plus", "plus", "minus", "right_square_bracket")
        assert (app.screen.steps, app.screen.minutes) == (6, 20)
        await pilot.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        assert app.screen.minutes == 2


async def test_it_flies_on_while_the_notebook_is_looked_at(opened, core) -> None:
    core.engine.gate = asyncio.Event()
    async with opened(autopilot_steps=1) as (app, pilot):
        await flying(app, pilot)
        await until(pilot, lambda: app.desk.proposer.board.tokens > 0)
        await pilot.press("escape")
        assert app.desk.pilot.flying
        core.engine.gate.set()
        await until(pilot, lambda: not app.desk.pilot.flying)
        assert FOREST in [face.source for face in app.desk.faces]


async def test_u_takes_the_autopilots_step_back(opened) -> None:
    async with opened(autopilot_steps=1) as (app, pilot):
        await flying(app, pilot)
        await until(pilot, lambda: app.desk.pilot.flight is not None and not app.desk.pilot.flying)
        await pilot.press("u")
        await pilot.pause()
        assert FOREST not in [face.source for face in app.desk.faces]


def test_a_plot_is_as_high_and_as_wide_as_asked_and_rises_with_the_metric() -> None:
    drawn = plot([0.5, 0.5, 0.9], [(1, 0.4), (2, 0.9)], steps=2, width=60, height=12).plain.split("\n")
    assert len(drawn) == 12
    assert max(map(len, drawn)) <= 64
    first = next(n for n, line in enumerate(drawn) if line.rstrip().endswith("●"))
    last = max(n for n, line in enumerate(drawn) if "●" in line)
    assert first < last


def test_a_flat_or_infinite_metric_still_has_a_scale() -> None:
    for values in ([0.0], [1e300, -1e300], [float("nan")], [5.0, 5.0]):
        scale = scale_for(values, 3, 40, 8)
        assert scale.low < scale.high
        assert 0 <= scale.row(values[0] if values[0] == values[0] else 0.0) < 8
