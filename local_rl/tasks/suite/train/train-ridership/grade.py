"""Mean absolute error in thousands of riders."""

from __future__ import annotations

from pathlib import Path

from sklearn.metrics import mean_absolute_error

from local_rl.tasks.submission import numbers


def grade(submission: Path, answers: Path) -> float:
    return float(mean_absolute_error(*numbers(submission, answers, "ridership")))
