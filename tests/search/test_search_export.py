"""A search leaves for AIDE's viewers, for a browser without a network, and for its own next start."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Operator, TrialStatus
from jupyter_mlagent.search.explain import explain
from jupyter_mlagent.search.export import aide_journal, page
from jupyter_mlagent.search.log import VERSION, SearchLog, read_log
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.search.view import OUTPUT_CHARACTERS

from .growing import ended, error, ok, shape, step, tree

HOSTILE = "print('</script><img src=x onerror=alert(1)><!--')"


def searched() -> Tree:
    found = tree()
    printed = {"output_type": "stream", "name": "stdout", "text": "x" * (3 * OUTPUT_CHARACTERS)}
    trial = msgspec.structs.replace(ok(0.7), outputs=(printed,))
    found.grow(0, step(HOSTILE, plan="<b>boosting</b>"), trial)
    found.grow(0, step("b = 1", plan="a forest"), error())
    found.grow(1, step("c = 1", Operator.IMPROVE, plan="deeper trees."), ok(0.8, 0.7))
    found.grow(2, step("b = 2", Operator.DEBUG), ok(0.75))
    found.grow(0, step("d = 1"), ended(TrialStatus.TIMEOUT))
    return found


def test_the_journal_has_the_shape_that_aide_reads() -> None:
    journal = json.loads(aide_journal(searched()))
    assert (set(journal), journal["__version"]) == ({"nodes", "node2parent", "__version"}, "2")
    first, second, third, fourth, fifth = journal["nodes"]
    assert set(first) == {
        *("code", "plan", "step", "id", "ctime", "parent", "children", "_term_out", "exec_time"),
        *("exc_type", "exc_info", "exc_stack", "analysis", "metric", "is_buggy"),
    }
    assert first["metric"] == {"value": 0.7, "maximize": True} and not first["is_buggy"]
    assert second["metric"] == {"value": None, "maximize": None} and second["is_buggy"]
    assert (second["exc_type"], second["exc_info"]) == ("ValueError", {"args": ["Input contains NaN"]})
    assert journal["node2parent"] == {third["id"]: first["id"], fourth["id"]: second["id"]}
    assert fifth["is_buggy"] and [node["step"] for node in journal["nodes"]] == [0, 1, 2, 3, 4]
    assert len(first["_term_out"][0]) < OUTPUT_CHARACTERS + 100


def test_the_page_holds_everything_and_refers_to_nothing() -> None:
    text = page(searched(), "A <search> {{data}}")
    assert "A &lt;search&gt; {{data}}" in text
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", text)
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert "<" not in data
    nodes = json.loads(data)["nodes"]
    assert [node["parent"] for node in nodes] == [None, 0, 0, 1, 2, 0]
    assert nodes[1]["code"] == HOSTILE
    assert [node["id"] for node in nodes if node["best"]] == [1, 3]
    assert (nodes[0]["shade"], nodes[3]["shade"], nodes[2]["shade"]) == (0.0, 1.0, None)
    assert "-b = 1" in nodes[4]["diff"] and "+b = 2" in nodes[4]["diff"]


def test_a_search_that_has_only_begun_can_be_shown_too() -> None:
    assert "Nothing was tried." in page(tree(metric=None, direction=None), "empty")
    assert json.loads(aide_journal(tree()))["nodes"] == []


def test_why_a_path_won_is_told_from_the_trials() -> None:
    told = explain(searched())
    assert "Of 5 steps tried, 2 cells took the metric from 0.5 to 0.8." in told
    assert "'deeper trees' took it from 0.7 to 0.8." in told
    assert "reached 0.75." in told
    assert "2 steps failed: missing values (1), too slow (1)." in told
    nothing = tree()
    nothing.grow(0, step("a = 1"), error())
    assert explain(nothing) == "None of 1 step bettered the notebook. 1 step failed: missing values (1)."


def test_a_killed_search_goes_on_from_its_file(tmp_path: Path) -> None:
    path, found = tmp_path / "search.jsonl", tree(seed=7)
    log = SearchLog(path, found)
    for growth in searched().growths:
        log.keep(found.grow(growth.parent, growth.proposal, growth.trial))
    again = read_log(path)
    assert shape(again) == shape(found) and again.settings == found.settings
    assert again.select(0.5).node == found.select(0.5).node


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    path, found = tmp_path / "search.jsonl", searched()
    SearchLog(path, found)
    path.write_bytes(path.read_bytes()[:-20])
    assert len(read_log(path).growths) == len(found.growths) - 1


def test_a_file_that_is_no_search_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    with pytest.raises(MlagentError, match="cannot be read"):
        read_log(path)
    path.write_text("hello\n")
    with pytest.raises(MlagentError, match="holds no search"):
        read_log(path)
    SearchLog(path, tree())
    path.write_bytes(path.read_bytes().replace(f'"version":{VERSION}'.encode(), b'"version":99'))
    with pytest.raises(MlagentError, match="another version"):
        read_log(path)
