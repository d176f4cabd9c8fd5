"""Share of patches put to the right photograph."""

from __future__ import annotations

from pathlib import Path

from sklearn.metrics import accuracy_score

from local_rl.tasks.submission import labels


def grade(submission: Path, answers: Path) -> float:
    return float(accuracy_score(*labels(submission, answers, "photograph")))
