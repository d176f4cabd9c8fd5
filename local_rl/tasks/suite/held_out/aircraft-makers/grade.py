"""Macro F1 of makers."""

from __future__ import annotations

from pathlib import Path

from sklearn.metrics import f1_score

from local_rl.tasks.submission import labels


def grade(submission: Path, answers: Path) -> float:
    return float(f1_score(*labels(submission, answers, "maker"), average="macro"))
