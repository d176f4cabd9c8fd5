"""RMSLE of minutes."""

from __future__ import annotations

from pathlib import Path

from local_rl.tasks.scores import rmsle
from local_rl.tasks.submission import numbers


def grade(submission: Path, answers: Path) -> float:
    return rmsle(*numbers(submission, answers, "time_to_delivery", minimum=0))
