"""What a page hears: proposals, verdicts, what a reload and a restart leave, stops, and faults in words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

Visit = Callable[..., Any]

FOREST = "model = RandomForestClassifier(random_state=0).fit(X_train, y_train)"


def best(ranked: dict[str, Any]) -> str:
    return str(ranked["candidates"][0]["proposal"]["id"])


async def test_status_names_the_version_and_what_the_engine_does(server: Any) -> None:
    status = await server.fetch("GET", "status")
    assert status["engine"]["state"] == "stopped"
    assert status["version"] and status["journal_problem"] == ""


async def test_a_request_streams_plan_then_code_then_trials_and_ends_ranked(visit: Visit) -> None:
    page = await visit()

    ranked = await page.ask()

    kinds = [message["type"] for message in page.heard]
    order = ["started", "plan_delta", "code_delta", "proposal_ready", "trial_finished", "ranked"]
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)
    assert [one["trial"]["metric_after"] for one in ranked["candidates"]] == [0.9, 0.7]


async def test_a_reloaded_page_hears_again_what_was_proposed(visit: Visit) -> None:
    first = await visit()
    ranked = await first.ask()
    first.close()

    second = await visit()

    state = second.heard[0]
    assert state["events"][-1] == ranked
    assert not [event for event in state["events"] if event["type"].endswith("_delta")]
    assert state["metric"]["expression"] == "accuracy_score(y_val, model.predict(X_val))"


async def test_accepting_hands_over_what_was_tried_and_tells_the_other_pages(visit: Visit) -> None:
    page, other = await visit(), await visit()
    chosen = best(await page.ask())

    await page.say("accept", id=1, proposal_id=chosen, cells=page.cells)

    accepted = await page.until("accepted")
    assert accepted["acceptance"]["source"] == FOREST
    assert accepted["acceptance"]["tried"] is True
    assert accepted["gain"]["after"] == 0.9
    assert (await other.until("judged"))["verdict"] == "accepted"


async def test_the_real_result_is_compared_with_the_trial(visit: Visit, source: Any) -> None:
    page = await visit()
    chosen = best(await page.ask())
    await page.say("accept", id=1, proposal_id=chosen, cells=page.cells)
    await page.until("accepted")
    source.trials.metric, source.trials.execution_count = 0.8, 2

    await page.say("ran", id=2, proposal_id=chosen)

    measured = await page.until("measured")
    assert measured["matches"] is False and "0.9" in measured["message"]


async def test_a_changed_cell_makes_the_proposal_stale(visit: Visit) -> None:
    page = await visit()
    chosen = best(await page.ask())
    changed = [page.cells[0], {**page.cells[1], "source": "model = None"}]

    await page.say("accept", id=1, proposal_id=chosen, cells=changed)

    problem = await page.until("problem")
    assert problem["stale"] is True and "edited" in problem["message"]


async def test_an_edit_is_accepted_as_an_edit_and_kept_in_the_journal(visit: Visit, server: Any) -> None:
    page = await visit()
    chosen = best(await page.ask())

    await page.say("accept", id=1, proposal_id=chosen, cells=page.cells, edited_source=FOREST + "  # mine")
    accepted = await page.until("accepted")

    assert accepted["acceptance"]["tried"] is False
    steps = await server.fetch("GET", "journal?path=work.ipynb")
    assert sorted(step["verdict"] for step in steps) == ["accepted_after_edit", "ignored"]
    step = next(step for step in steps if step["verdict"] == "accepted_after_edit")
    assert (await server.fetch("GET", f"journal/{step['id']}"))["code"] == FOREST


async def test_a_rejection_is_heard_by_all(visit: Visit) -> None:
    page, other = await visit(), await visit()
    chosen = best(await page.ask())

    await page.say("reject", id=1, proposal_id=chosen, reason="too slow")

    await page.until("done")
    assert (await other.until("judged"))["verdict"] == "rejected"


async def test_stopping_ends_the_request_and_the_next_one_works(visit: Visit, source: Any) -> None:
    page = await visit()
    source.trials.hang = asyncio.Event()
    await page.say("hello", kernel_id="a-kernel")
    await page.say("ask", cells=page.cells, candidates=2)
    await page.until("trial_started")

    await page.say("stop")
    while (await page.until("working"))["working"]:
        pass

    assert source.trials.cancelled == 1
    source.trials.hang = None
    assert (await page.ask())["type"] == "ranked"


async def test_a_restarted_kernel_is_reached_again(visit: Visit, source: Any) -> None:
    page = await visit()
    await page.ask()
    await page.ask()
    assert source.opened == 1

    source.restarts += 1

    assert (await page.ask())["type"] == "ranked"
    assert source.opened == 2
    assert source.trials.closed


async def test_without_a_kernel_the_page_is_told_what_to_do(visit: Visit) -> None:
    page = await visit()
    await page.say("ask", cells=page.cells)
    failed = await page.until("failed")
    assert "no running kernel" in failed["message"]


async def test_an_engine_that_cannot_be_opened_is_one_sentence(
    visit: Visit, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_mlagent.errors import ModelError

    async def start() -> None:
        raise ModelError("The model tiny is not on this machine yet.")

    monkeypatch.setattr(engine, "start", start)
    page = await visit()
    assert (await page.ask())["message"] == "The model tiny is not on this machine yet."


async def test_metrics_are_found_and_set(visit: Visit) -> None:
    page = await visit()
    await page.say("find_metrics", id=1, cells=page.cells)
    found = await page.until("found_metrics")
    assert found["metrics"][0]["direction"] == "maximize"

    await page.say("set_metric", id=2, cells=page.cells, expression="best_score", direction="maximize")
    assert "any cell could set" in (await page.until("problem", "done"))["message"]

    error = "mean_squared_error(y_val, model.predict(X_val))"
    await page.say("set_metric", id=3, cells=page.cells, expression=error, direction="minimize")
    assert (await page.until("metric_changed"))["metric"]["direction"] == "minimize"


async def test_nonsense_is_answered_and_the_channel_lives_on(visit: Visit) -> None:
    page = await visit()
    await page.say("explode")
    assert "not understood" in (await page.until("problem"))["message"]
    assert (await page.ask())["type"] == "ranked"


async def test_a_cell_of_a_megabyte_is_taken(visit: Visit) -> None:
    page = await visit()
    await page.say("hello", kernel_id="a-kernel")
    cells = [{"id": "big", "kind": "code", "source": "x = 1  # " + "y" * 1_000_000}, *page.cells]
    await page.say("ask", cells=cells, candidates=1)
    assert (await page.until("ranked", "failed"))["type"] == "ranked"


async def test_completion_streams_and_a_newer_one_ends_the_older(visit: Visit, engine: Any) -> None:
    page = await visit()
    await page.say("complete", id=1, prefix="model.", suffix="")
    last = await page.until("completion")
    while not last["done"]:
        last = await page.until("completion")
    assert last["text"] == "fit(X_train, y_train)"
    assert engine.requests[0].raw_prompt == "<pre>model.<suf><mid>"

    engine.completion, engine.pause = "x" * 100_000, 0.001
    for number in (2, 3):
        await page.say("complete", id=number, prefix="a", suffix="")
        while (await page.until("completion"))["id"] != number:
            pass
    await page.say("cancel_completion", id=3)
    await page.say("find_metrics", id=4, cells=page.cells)
    await page.until("found_metrics")
    assert engine.closed_early == 2


async def test_the_autopilot_has_its_page_apply_steps_until_nothing_improves(
    visit: Visit, source: Any
) -> None:
    page = await visit()
    await page.say("hello", kernel_id="a-kernel")
    await page.say("fly", cells=page.cells, steps=2, candidates=2)

    apply = await page.until("apply")
    assert apply["acceptance"]["source"] == FOREST
    source.trials.metric, source.trials.execution_count, source.trials.after = 0.9, 2, {}
    cells = [*page.cells, {"id": "new", "kind": "code", "source": FOREST}]
    run = {"outputs": [], "execution_count": 3, "seconds": 0.1}
    await page.say("applied", id=apply["id"], cell_id="new", run=run, cells=cells)

    kept = await page.until("step_kept")
    assert (kept["metric_before"], kept["metric_after"], kept["cell_id"]) == (0.5, 0.9, "new")
    ended = await page.until("flight_ended")
    assert ended["kept"] == 1


async def test_a_flight_ends_with_the_page_that_flies_it(visit: Visit, source: Any) -> None:
    page, other = await visit(), await visit()
    source.trials.hang = asyncio.Event()
    await page.say("hello", kernel_id="a-kernel")
    await page.say("fly", cells=page.cells, steps=2, candidates=2)
    await other.until("trial_started")

    page.close()

    while (await other.until("working"))["working"]:
        pass
    assert source.trials.cancelled == 1


async def test_two_notebooks_do_not_hear_each_other(visit: Visit) -> None:
    page, neighbour = await visit("a.ipynb"), await visit("b.ipynb")
    await page.ask()
    await neighbour.ask()
    requests = {one["request_id"] for one in neighbour.heard if one["type"] == "started"}
    assert len(requests) == 1


async def test_models_are_listed_with_what_is_here(server: Any) -> None:
    table = await server.fetch("GET", "models")
    assert any(model["suggested"] for model in table["models"])
    assert table["download"] is None


async def test_a_renamed_notebook_keeps_its_session_and_its_steps(visit: Visit, server: Any) -> None:
    page = await visit("old.ipynb")
    chosen = best(await page.ask())

    await page.say("rename", path="new.ipynb")
    await page.say("accept", id=1, proposal_id=chosen, cells=page.cells)
    await page.until("accepted")

    assert len(await server.fetch("GET", "journal?path=new.ipynb")) == 2
    assert await server.fetch("GET", "journal?path=old.ipynb") == []
    assert (await visit("new.ipynb")).heard[0]["events"]
    assert (await visit("old.ipynb")).heard[0]["events"] == []


async def test_a_notebook_saved_under_another_name_leaves_its_steps_with_the_old_file(
    visit: Visit, server: Any, tmp_path: Any
) -> None:
    (tmp_path / "work" / "old.ipynb").write_text("{}")
    page = await visit("old.ipynb")
    await page.ask()

    await page.say("rename", path="copy.ipynb")
    await page.ask()

    assert len(await server.fetch("GET", "journal?path=old.ipynb")) == 2
    assert len(await server.fetch("GET", "journal?path=copy.ipynb")) == 2


async def test_a_notebook_renamed_while_its_page_was_offline_keeps_its_session(visit: Visit) -> None:
    page = await visit("old.ipynb")
    ranked = await page.ask()
    page.close()

    later = await visit("new.ipynb", was="old.ipynb")

    assert later.heard[0]["events"][-1] == ranked


async def test_renaming_onto_a_notebook_in_use_joins_its_session(visit: Visit) -> None:
    page, other = await visit("a.ipynb"), await visit("b.ipynb")
    ranked = await other.ask()

    await page.say("rename", path="b.ipynb")

    assert (await page.until("room_state"))["events"][-1] == ranked


async def test_after_a_restart_of_the_kernel_nothing_tried_before_can_be_accepted(
    visit: Visit, source: Any
) -> None:
    page = await visit()
    chosen = best(await page.ask())

    source.restarts += 1
    await page.say("accept", id=1, proposal_id=chosen, cells=page.cells)

    problem = await page.until("problem", "accepted")
    assert problem["stale"] is True and "restarted" in problem["message"]


async def test_the_reason_of_a_rejection_is_in_the_journal(visit: Visit, tmp_path: Any) -> None:
    from jupyter_mlagent.journal import Journal

    page = await visit()
    chosen = best(await page.ask())
    await page.say("reject", id=1, proposal_id=chosen, reason="too slow")
    await page.until("done")

    with Journal.open() as journal:
        reasons = [step.verdict.reason for step in journal.full_steps() if step.verdict is not None]
    assert "too slow" in reasons


async def test_a_model_that_is_not_here_is_named(server: Any) -> None:
    table = await server.fetch("GET", "models")
    suggested = next(row["name"] for row in table["models"] if row["suggested"])
    assert table["missing"] == suggested
