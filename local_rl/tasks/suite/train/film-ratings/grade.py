"""Spearman's rank correlation of ratings."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.scores import correlation
from local_rl.tasks.submission import numbers


def grade(submission: Path, answers: Path) -> float:
    return correlation(*numbers(submission, answers, "rating"))
