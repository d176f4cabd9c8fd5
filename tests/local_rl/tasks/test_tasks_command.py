"""Given the command line, when tasks are asked for, then it answers, though the agent never imports them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from jupyter_mlagent.cli import app as command_line
from local_rl.cli import app
from local_rl.tasks.errors import InvalidSubmission, TaskError

Make = Callable[..., Path]


def output(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments], catch_exceptions=False, env={"COLUMNS": "160"})
    assert result.exit_code == 0
    return result.output


def test_list_names_tasks_with_metric_and_scores() -> None:
    line = next(line for line in output("list").splitlines() if line.startswith("digits"))
    assert "train" in line and "accuracy ↑" in line and "images" in line


def test_list_of_one_split_leaves_the_other_out() -> None:
    assert "digits" not in output("list", "--split", "held-out")


def test_show_tells_what_to_predict_and_hand_in() -> None:
    text = output("show", "digits")
    assert "Handwritten digits" in text and "submission.csv" in text and "sklearn.datasets" in text


def test_an_unknown_task_lists_the_known() -> None:
    with pytest.raises(TaskError, match=r"no task 'digit'.*bundled tasks: .*digits"):
        output("show", "digit")


def test_prepare_makes_a_workspace_without_answers(make_task: Make, tmp_path: Path) -> None:
    output("prepare", str(make_task()), "--to", str(tmp_path / "workspace"))
    found = sorted(str(path.relative_to(tmp_path / "workspace")) for path in tmp_path.glob("workspace/**/*"))
    assert found == ["public", "public/test.csv", "public/train.csv", "starter.ipynb"]


def test_prepare_does_not_write_into_a_folder_in_use(make_task: Make, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="is not empty"):
        output("prepare", str(make_task()), "--to", str(tmp_path))


def test_check_measures_and_records(make_task: Make) -> None:
    reference = """
        def solve(public, submission):
            submission.write_text("id,y\\n20,100\\n21,120\\n")
    """
    folder = make_task({"reference.py": reference})
    said = output("check", str(folder), "--measure")
    assert "reference.py" in said and "+100.0%" in said
    assert "baseline = 0.707107\nreference = 0.0\n" in (folder / "task.toml").read_text()


def test_check_refuses_a_reference_that_is_no_better(make_task: Make) -> None:
    reference = """
        def solve(public, submission):
            submission.write_text("id,y\\n20,0\\n21,0\\n")
    """
    folder = make_task({"reference.py": reference})
    with pytest.raises(TaskError, match=r"no better than the starter's 0\.707107; nothing was recorded"):
        output("check", str(folder), "--measure")
    assert "[measured]" not in (folder / "task.toml").read_text()


def test_grade_says_what_is_wrong_with_a_submission(make_task: Make, tmp_path: Path) -> None:
    handed_in = tmp_path / "mine.csv"
    handed_in.write_text("id,z\n")
    with pytest.raises(InvalidSubmission, match=r"mine\.csv has no column 'y'"):
        output("grade", str(make_task()), str(handed_in))


def test_the_command_line_finds_groups_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        EntryPoint("tasks", "local_rl.cli:app", command_line.COMMANDS),
        EntryPoint("broken", "no_such_package:app", command_line.COMMANDS),
    ]
    monkeypatch.setattr(command_line, "app", typer.Typer())
    monkeypatch.setattr(command_line, "entry_points", lambda group: entries)

    command_line.add_commands_of_others()

    result = CliRunner().invoke(command_line.app, ["tasks", "list"])
    assert "digits" in result.output
