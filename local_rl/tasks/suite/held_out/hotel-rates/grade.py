"""Root mean squared error in euros a night."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.scores import rmse
from local_rl.tasks.submission import numbers


def grade(submission: Path, answers: Path) -> float:
    return rmse(*numbers(submission, answers, "avg_price_per_room"))
