"""Area under the ROC curve of working remotely."""

from __future__ import annotations

from pathlib import Path

from sklearn.metrics import roc_auc_score

from local_rl.tasks.submission import probabilities


def grade(submission: Path, answers: Path) -> float:
    return float(roc_auc_score(*probabilities(submission, answers, "Remote", "Remote")))
