"""Numbers and reasons as every front end words them."""

from __future__ import annotations

from jupyter_mlagent.records import Trial, TrialStatus


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.6g}"


def why(trial: Trial) -> str:
    """One line for a trial that did not end well."""
    if trial.status is TrialStatus.OK:
        return trial.reason if trial.metric_after is None else ""
    if trial.error is not None:
        first = (trial.error.value.splitlines() or [""])[0]
        return f"{trial.error.name}: {first}"[:200] if trial.error.name else first[:200]
    return trial.reason
