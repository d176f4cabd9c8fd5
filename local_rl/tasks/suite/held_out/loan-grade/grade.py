"""Quadratic kappa of ordered grades."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.scores import quadratic_kappa
from local_rl.tasks.submission import labels


def grade(submission: Path, answers: Path) -> float:
    actual, predicted = labels(submission, answers, "grade")
    return quadratic_kappa(actual.astype(int), predicted.astype(int))
