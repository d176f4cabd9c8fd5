"""Scores a submission against the hidden answers, in a process of its own."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.errors import InvalidSubmission, TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.preparing import prepared
from local_rl.tasks.process import call
from local_rl.tasks.worker import Job

GRADE_SECONDS = 120.0


def grade(folder: TaskFolder, submission: Path) -> float:
    """The score of `submission` (a CSV file), in the task's metric.

    Raises InvalidSubmission (one sentence naming file and column) when it cannot be scored, TaskError when
    the grader itself fails or returns no finite number.
    """
    if not submission.is_file():
        raise InvalidSubmission(f"There is no {submission.name}: the notebook must write it.")
    wrapped = folder.spec.wrapped
    hidden = prepared(folder).private
    answers = hidden / wrapped.answers if wrapped else hidden
    job = Job(
        file=str(folder.grader),
        function="grade",
        arguments=(str(submission.absolute()), str(answers)),
        as_tables=wrapped is not None,
    )
    score = call(folder.id, job, GRADE_SECONDS)
    if score is None:
        raise TaskError(f"{folder.grader.name} of task '{folder.id}' returned no score.")
    return score
