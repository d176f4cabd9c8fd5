"""Log loss of the phases of flight."""

from __future__ import annotations

from pathlib import Path

from sklearn.metrics import log_loss

from local_rl.tasks.submission import class_probabilities


def grade(submission: Path, answers: Path) -> float:
    actual, probable, classes = class_probabilities(submission, answers, "phase")
    return float(log_loss(actual, probable, labels=classes))
