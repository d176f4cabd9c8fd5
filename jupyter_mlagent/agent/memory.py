"""What earlier steps leave in a prompt, scoped as in ML-Master (arXiv 2506.16499, section 3.2).

The parent's code and output are the notebook itself. Siblings (other steps tried from the same state) appear
by plan, result and metric, without their code, so that they inform without being copied; errors in one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jupyter_mlagent.agent.failures import VAGUE, kind_of_trial
from jupyter_mlagent.agent.families import CellKinds, classify
from jupyter_mlagent.records import Candidate, Operator, Proposal, Trial, TrialStatus

PLAN_CHARACTERS = 120
ERROR_CHARACTERS = 140


@dataclass(frozen=True)
class MemoryEntry:
    """One earlier step, tried from this state (a sibling) or from one before it."""

    operator: Operator
    plan: str
    status: TrialStatus
    metric_before: float | None = None
    metric_after: float | None = None
    error: str = ""
    """One line, e.g. `ValueError: Input contains NaN`."""
    failure: str = ""
    """Its kind, e.g. `missing values`; empty where it ended well."""
    kept: bool = False
    kinds: CellKinds = field(default_factory=lambda: classify(""))


def remember(proposal: Proposal, trial: Trial, *, kept: bool = False) -> MemoryEntry:
    """The memory of a tried proposal."""
    error = "" if trial.error is None else f"{trial.error.name}: {trial.error.value}"
    return MemoryEntry(
        operator=proposal.operator,
        plan=proposal.plan,
        status=trial.status,
        metric_before=trial.metric_before,
        metric_after=trial.metric_after,
        error=_one_line(error, ERROR_CHARACTERS),
        failure=kind_of_trial(trial),
        kept=kept,
        kinds=classify(proposal.code),
    )


def remember_candidates(candidates: Sequence[Candidate]) -> tuple[MemoryEntry, ...]:
    """The memory of one request's ranked candidates."""
    return tuple(remember(candidate.proposal, candidate.trial) for candidate in candidates)


def render_entry(entry: MemoryEntry) -> str:
    """One line for a prompt: `- gradient boosting with scaling: 0.91 -> 0.93 (kept)`."""
    result = _failure(entry) if entry.status is not TrialStatus.OK else _change(entry)
    return f"- {_one_line(entry.plan, PLAN_CHARACTERS)} -> {result}{' (kept)' if entry.kept else ''}"


def _failure(entry: MemoryEntry) -> str:
    if entry.status is not TrialStatus.ERROR:
        return entry.failure or entry.status.value
    kind = "" if entry.failure in VAGUE else entry.failure
    return f"failed, {': '.join(part for part in (kind, entry.error) if part)}".rstrip(", ")


def _change(entry: MemoryEntry) -> str:
    if entry.metric_after is None:
        return "no metric"
    if entry.metric_before is None:
        return f"{entry.metric_after:.4g}"
    if entry.metric_before == entry.metric_after:
        return f"no change ({entry.metric_after:.4g})"
    return f"{entry.metric_before:.4g} to {entry.metric_after:.4g}"


def _one_line(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
