"""Given a competition prepared in MLE-bench's layout, when task.toml points at it, then it is a task."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from local_rl.tasks.check import stages
from local_rl.tasks.errors import InvalidSubmission, TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.grading import grade
from local_rl.tasks.preparing import prepared

Write = Callable[..., str]

GRADER = """
    import pandas as pd
    from constants import TARGET
    from mlebench.grade_helpers import InvalidSubmissionError

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        if TARGET not in submission.columns:
            raise InvalidSubmissionError(f"Submission must have a {TARGET} column.")
        return float((submission[TARGET] == answers[TARGET]).mean())
"""


@pytest.fixture
def wrapped(tmp_path: Path, notebook: Write) -> TaskFolder:
    competition = tmp_path / "competitions" / "tiny"
    for part in ("public", "private"):
        (competition / "prepared" / part).mkdir(parents=True)
    (competition / "prepared/public/train.csv").write_text("id,x,colour\n0,1,red\n1,2,blue\n")
    (competition / "prepared/public/sample_submission.csv").write_text("id,colour\n2,red\n3,red\n")
    (competition / "prepared/private/test.csv").write_text("id,colour\n2,red\n3,blue\n")
    (competition / "constants.py").write_text('TARGET = "colour"\n')
    (competition / "grade.py").write_text(textwrap.dedent(GRADER))
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "task.toml").write_text(
        textwrap.dedent("""
            id = "tiny"
            title = "Tiny"
            description = "Predict the colour."
            metric = "accuracy"
            direction = "maximize"

            [wrapped]
            public = "../competitions/tiny/prepared/public"
            private = "../competitions/tiny/prepared/private"
            grader = "../competitions/tiny/grade.py"
            answers = "test.csv"
        """)
    )
    copy = "import shutil\nshutil.copy('public/sample_submission.csv', 'submission.csv')"
    (folder / "starter.ipynb").write_text(notebook(copy))
    return TaskFolder.open(folder)


def test_it_passes_every_check(wrapped: TaskFolder) -> None:
    for _, stage in stages(wrapped):
        stage()


def test_its_data_are_used_where_they_lie(wrapped: TaskFolder, tmp_path: Path) -> None:
    assert prepared(wrapped).public == tmp_path / "competitions/tiny/prepared/public"


def test_its_own_grader_scores(wrapped: TaskFolder, tmp_path: Path) -> None:
    handed_in = tmp_path / "submission.csv"
    handed_in.write_text("id,colour\n2,red\n3,blue\n")
    assert grade(wrapped, handed_in) == 1.0


def test_its_own_refusal_reaches_the_person(wrapped: TaskFolder, tmp_path: Path) -> None:
    handed_in = tmp_path / "submission.csv"
    handed_in.write_text("id\n2\n3\n")
    with pytest.raises(InvalidSubmission, match=r"^Submission must have a colour column\.$"):
        grade(wrapped, handed_in)


def test_a_missing_part_is_named(wrapped: TaskFolder, tmp_path: Path) -> None:
    (tmp_path / "competitions/tiny/prepared/private/test.csv").unlink()
    with pytest.raises(TaskError, match=r"Task 'tiny' lacks .*private/test\.csv"):
        TaskFolder.open(wrapped.path)
