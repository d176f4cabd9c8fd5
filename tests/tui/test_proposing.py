"""Asking for proposals and deciding on them, key by key."""

from __future__ import annotations

import asyncio

from nbformat.v4 import new_code_cell, new_notebook
from script import FOREST, TREE, until, write_notebook
from textual.widgets import Input, TextArea

from jupyter_mlagent.records import Verdict
from mlagent_tui.dialogs.metric import MetricScreen
from mlagent_tui.notebook.editor import ProposalEditor
from mlagent_tui.proposals.board import Phase, Stage
from mlagent_tui.proposals.words import result_content


async def proposed(app, pilot, *keys):
    """Ask, and wait for the ranking."""
    await pilot.press(*(keys or ("p",)))
    await until(pilot, lambda: app.desk.proposer.board.phase in (Phase.RANKED, Phase.FAILED))
    await pilot.pause()
    return app.desk.proposer.board


def shown(app, selector: str) -> str:
    return app.screen.query_one(selector).render().plain


async def test_p_runs_the_notebook_first_then_ranks_by_what_was_measured(opened, core) -> None:
    async with opened() as (app, pilot):
        board = await proposed(app, pilot)
        assert len(core.kernel.ran) == 2
        assert [row.trial.metric_after for row in board.shown[:2]] == [0.9532, 0.9123]
        best, second = shown(app, "#candidates").splitlines()[:2]
        assert "random forest" in best
        assert "→ 0.9532" in best
        assert "+7.2%" in best
        assert "decision" in second
        assert app.screen.panel.has_focus
        assert "random forest" in shown(app, "#detail-plan")


async def test_a_request_is_seen_while_it_is_written(opened, core) -> None:
    core.engine.gate = asyncio.Event()
    async with opened() as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: app.desk.proposer.board.tokens > 0)
        board = app.desk.proposer.board
        assert board.phase is Phase.WRITING
        assert board.rows[0].stage is Stage.WRITING
        core.engine.gate.set()
        await until(pilot, lambda: board.phase is Phase.RANKED)


async def test_j_and_k_look_at_other_candidates(opened) -> None:
    async with opened() as (app, pilot):
        await proposed(app, pilot)
        await pilot.press("j")
        assert "decision tree" in shown(app, "#detail-plan")
        await pilot.press("k")
        assert "random forest" in shown(app, "#detail-plan")


async def test_a_puts_the_cell_in_runs_it_and_says_whether_it_holds(opened, core) -> None:
    async with opened() as (app, pilot):
        await proposed(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: app.desk.status.metric_value == 0.9532)
        assert core.kernel.ran[-1] == FOREST
        assert [face.source for face in app.desk.faces][3] == FOREST
        assert app.desk.faces[3].step == "0.8889 → 0.9532"
        assert app.desk.modified
        assert app.screen.view.selected.source == FOREST


async def test_capital_a_puts_it_in_without_running_it(opened, core) -> None:
    async with opened() as (app, pilot):
        await proposed(app, pilot)
        ran = list(core.kernel.ran)
        await pilot.press("A")
        await until(pilot, lambda: app.desk.modified and len(app.desk.faces) == 5)
        await pilot.pause()
        assert core.kernel.ran == ran


async def test_u_takes_an_accepted_step_out_again(opened) -> None:
    async with opened() as (app, pilot):
        board = await proposed(app, pilot)
        before = [face.source for face in app.desk.faces]
        await pilot.press("a")
        await until(pilot, lambda: app.desk.status.metric_value == 0.9532)
        await pilot.press("u")
        await pilot.pause()
        assert [face.source for face in app.desk.faces] == before
        assert result_content(board.shown[0], None).plain == "taken back"


async def test_e_accepts_what_the_person_made_of_it(opened, core) -> None:
    async with opened() as (app, pilot):
        board = await proposed(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ProposalEditor))
        app.screen.query_one(TextArea).load_text(FOREST.replace("300", "500"))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: core.kernel.ran[-1].find("500") > 0)
        assert board.shown[0].verdict is Verdict.EDITED
        assert app.desk.faces[3].step == "accepted"


async def test_leaving_the_editor_with_escape_decides_nothing(opened) -> None:
    async with opened() as (app, pilot):
        board = await proposed(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ProposalEditor))
        await pilot.press("escape")
        await pilot.pause()
        assert board.shown[0].verdict is None


async def test_r_rejects_and_looks_at_the_next(opened) -> None:
    async with opened() as (app, pilot):
        board = await proposed(app, pilot)
        await pilot.press("r")
        assert board.shown[0].verdict is Verdict.REJECTED
        assert "decision tree" in shown(app, "#detail-plan")
        await pilot.press("k", "a")
        await pilot.pause()
        assert len(app.desk.faces) == 4, "what was rejected cannot be accepted any more"


async def test_h_asks_with_a_hint(opened, core) -> None:
    async with opened() as (app, pilot):
        await pilot.press("h")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        app.screen.query_one(Input).value = "use isotonic calibration"
        await proposed(app, pilot, "enter")
        assert "use isotonic calibration" in core.engine.hints[-1]


async def test_d_turns_from_code_to_diff_to_output(opened) -> None:
    async with opened() as (app, pilot):
        await proposed(app, pilot)
        assert FOREST in shown(app, "#detail-body")
        await pilot.press("d")
        assert "+from sklearn.ensemble import RandomForestClassifier" in shown(app, "#detail-body")
        await pilot.press("d")
        assert "tried" in shown(app, "#detail-body")


async def test_escape_stops_the_model_at_once(opened, core) -> None:
    core.engine.gate = asyncio.Event()
    async with opened() as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: app.desk.proposer.board.tokens > 0)
        await pilot.press("escape")
        await until(pilot, lambda: not app.desk.proposer.working)
        assert core.engine.cancelled == 1
        assert app.desk.proposer.board.phase is Phase.STOPPED


async def test_escape_stops_a_trial_that_hangs(opened, core) -> None:
    core.trials.hang = asyncio.Event()
    async with opened() as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: bool(core.trials.tried))
        await pilot.press("escape")
        await until(pilot, lambda: not app.desk.proposer.working)
        assert core.trials.cancelled >= 1


async def test_without_a_metric_the_person_is_asked_and_the_request_goes_on(opened, tmp_path) -> None:
    path = write_notebook(tmp_path, new_notebook(cells=[new_code_cell("x = 1", id="only")]), "bare.ipynb")
    async with opened(path=path) as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, MetricScreen))
        app.screen.query_one(Input).value = "accuracy_score(y_val, model.predict(X_val))"
        board = await proposed(app, pilot, "enter")
        assert board.metric.expression == "accuracy_score(y_val, model.predict(X_val))"


async def test_an_edited_notebook_makes_a_proposal_stale_and_it_is_not_applied(opened) -> None:
    async with opened() as (app, pilot):
        await proposed(app, pilot)
        anchor = next(face for face in app.desk.faces if face.id == "score")
        app.desk.editable().edit("score", anchor.source + "\n# edited")
        await pilot.press("a")
        await pilot.pause()
        assert len(app.desk.faces) == 4
        assert any("edited meanwhile" in notice.message for notice in app._notifications)


async def test_a_second_request_while_one_is_under_way_is_refused(opened, core) -> None:
    core.engine.gate = asyncio.Event()
    async with opened() as (app, pilot):
        await pilot.press("p")
        await until(pilot, lambda: app.desk.proposer.board.tokens > 0)
        await pilot.press("p")
        await pilot.pause()
        assert any("under way" in notice.message for notice in app._notifications)
        core.engine.gate.set()


async def test_what_the_model_wrote_is_the_cell_that_runs(opened, core) -> None:
    async with opened() as (app, pilot):
        await proposed(app, pilot)
        await pilot.press("j", "a")
        await until(pilot, lambda: app.desk.status.metric_value == 0.9123)
        assert core.kernel.ran[-1] == TREE
