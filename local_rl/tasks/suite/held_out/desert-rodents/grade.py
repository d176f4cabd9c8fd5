"""MAP@3 of species."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.scores import mean_average_precision
from local_rl.tasks.submission import rankings


def grade(submission: Path, answers: Path) -> float:
    return mean_average_precision(*rankings(submission, answers, "species_id"), k=3)
