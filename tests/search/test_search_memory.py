"""What a prompt is told of the search: the parent's cells, the siblings' results, a failure's history."""

from __future__ import annotations

import msgspec

from jupyter_mlagent.agent.memory import render_entry
from jupyter_mlagent.records import Anchor, Cell, Operator, source_hash
from jupyter_mlagent.search.memory import cells_at, recall, tried_codes
from jupyter_mlagent.search.tree import ROOT

from .growing import error, ok, step, tree

START = (Cell(id="start", kind="code", source="model = Mean()"),)


def test_a_draft_sees_the_other_drafts_without_their_code() -> None:
    found = tree()
    found.finish(found.select(), [(step("secret_a = 1", plan="boosting"), ok(0.7))])
    found.finish(found.select(), [(step("secret_b = 1", plan="a forest"), error())])
    lines = [render_entry(entry) for entry in recall(found, ROOT)]
    assert lines == [
        "- boosting -> 0.5 to 0.7",
        "- a forest -> failed, missing values: ValueError: Input contains NaN",
    ]
    assert tried_codes(found, ROOT) == ("secret_a = 1", "secret_b = 1")


def test_an_improvement_sees_its_parents_cell_and_output_and_only_its_own_siblings() -> None:
    found = tree(drafts=2, redrafts=0)
    trial = msgspec.structs.replace(
        ok(0.7), outputs=({"output_type": "stream", "name": "stdout", "text": "0.7\n"},)
    )
    found.finish(found.select(), [(step("a = 1", plan="boosting"), trial)])
    found.finish(found.select(), [(step("b = 1", plan="a forest"), ok(0.6))])
    found.grow(1, step("c = 1", Operator.IMPROVE, plan="deeper trees"), ok(0.65, 0.7))
    assert [entry.plan for entry in recall(found, 1)] == ["deeper trees"]
    cells = cells_at(START, found, 1)
    assert [cell.source for cell in cells] == ["model = Mean()", "a = 1"]
    assert cells[-1].outputs == trial.outputs
    assert [cell.source for cell in cells_at(START, found, 3)] == ["model = Mean()", "a = 1", "c = 1"]


def test_a_repair_sees_the_failing_cell_last_and_the_attempts_before_it() -> None:
    found = tree(drafts=1, redrafts=0)
    first = found.grow(ROOT, step("a = 1/0", plan="divide"), error("ZeroDivisionError", "division by zero"))
    second = found.grow(
        first.id, step("a = b", Operator.DEBUG, plan="use b"), error("NameError", "name 'b' is not defined")
    )
    found.grow(second.id, step("a = c", Operator.DEBUG, plan="use c"), error("NameError", "no c"))
    assert [entry.plan for entry in recall(found, second.id)] == ["divide", "use c"]
    assert tried_codes(found, second.id) == ("a = 1/0", "a = b", "a = c")
    cells = cells_at(START, found, second.id)
    assert [cell.source for cell in cells] == ["model = Mean()", "a = b"]
    assert cells[-1].errored and cells[-1].outputs[-1]["evalue"] == "name 'b' is not defined"


def test_a_repaired_cell_of_the_notebook_takes_the_failing_ones_place() -> None:
    found = tree()
    anchor = Anchor(cell_id="start", source_hash=source_hash("model = Mean()"), replaces=True)
    repair = msgspec.structs.replace(step("model = Median()", Operator.DEBUG), anchor=anchor)
    node = found.grow(ROOT, repair, ok(0.7))
    (cell,) = cells_at(START, found, node.id)
    assert (cell.id, cell.source) == ("start", "model = Median()")
