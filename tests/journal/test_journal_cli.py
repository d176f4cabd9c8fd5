"""`mlagent journal` on a real journal file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jupyter_mlagent.cli.journal import app
from jupyter_mlagent.errors import JournalError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.records import Verdict


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    return tmp_path


@pytest.fixture
def kept(home: Path, suggestion) -> dict[str, int]:
    with Journal.open() as journal:
        ids = journal.record_suggestion(suggestion(notebook=str(home / "book.ipynb")))
        journal.record_verdict(ids["r1-1"], Verdict.EDITED, "model = Mine()", "shorter [bold]")
        return ids


def answer(*arguments: object, input: str | None = None) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=input)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code != 0
    return str(result.exception) if isinstance(result.exception, JournalError) else result.output


def test_an_empty_journal_says_how_steps_come_into_it(home):
    output = answer("list")
    assert "The journal is empty." in output
    assert "mlagent suggest NB.ipynb" in output
    assert answer("list", "--json").strip() == "[]"


def test_a_list_shows_what_was_measured_and_said(kept):
    header, newest, first = answer("list").splitlines()
    assert " ".join(header.split()) == "id when notebook plan before → after status you"
    assert "plan 2" in newest and "0.5 → 0.7" in newest
    assert "book" in first and "edited" in first and "0.5 → 0.6" in first
    assert len(answer("list", "--limit", 1).splitlines()) == 2


def test_a_list_fits_a_narrow_terminal(kept, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = answer("list").splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split()[0] == "id" and "0.5 → 0.7" in lines[1] and lines[2].rstrip().endswith("edited")


def test_a_list_of_one_notebook_goes_by_its_path(home, kept, monkeypatch):
    monkeypatch.chdir(home)
    assert [row["id"] for row in json.loads(answer("list", "--notebook", "book.ipynb", "--json"))] == [
        kept["r1-2"],
        kept["r1-1"],
    ]
    assert "No steps of this notebook" in answer("list", "--notebook", "other.ipynb")


def test_a_step_is_shown_with_its_code_and_the_person_s_edit(kept):
    output = answer("show", kept["r1-1"])
    for part in ("plan 1", "model = Forest()", "+model = Mine()", "edited: shorter [bold]", "tiny + mine"):
        assert part in output
    assert "Improve it." not in output
    assert "Improve it." in answer("show", kept["r1-1"], "--prompt")
    assert json.loads(answer("show", kept["r1-1"], "--json"))["sample"]["token_ids"] == [1, 2, 151643]


def test_a_step_that_is_not_there_is_named(kept):
    assert "no step 99" in refused("show", 99)


def test_an_export_holds_a_line_for_each_step_and_malformed_reply(home, kept):
    rows = [json.loads(line) for line in answer("export", "--format", "jsonl").splitlines()]
    assert [row["type"] for row in rows] == ["step", "step", "malformed"]
    answer("export", "--out", home / "out.jsonl")
    assert len((home / "out.jsonl").read_text().splitlines()) == 3
    assert "exists already" in refused("export", "--out", home / "out.jsonl")
    assert "cannot be written" in refused("export", "--out", home / "none" / "out.jsonl")
    assert "jsonl" in refused("export", "--format", "csv")


def test_deleting_asks_only_where_it_reaches_far(home, kept):
    assert "1 step deleted" in answer("delete", kept["r1-1"])
    assert "Delete all steps of every notebook?" in refused("delete", "--all")
    assert "1 step deleted" in answer("delete", "--notebook", home / "book.ipynb", input="y\n")
    assert "0 steps deleted" in answer("delete", "--all", "--yes")


def test_deleting_is_all_or_nothing(kept):
    assert "no step 99" in refused("delete", kept["r1-1"], 99)
    assert len(json.loads(answer("list", "--json"))) == 2


@pytest.mark.parametrize("arguments", [[], [1, "--all"], ["--all", "--notebook", "book.ipynb"]])
def test_deleting_needs_one_aim(kept, arguments):
    assert "either" in refused("delete", *arguments)
