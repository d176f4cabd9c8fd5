"""The journal: every step on this machine, kept in one SQLite file, to look at, to replay and to train on."""

from __future__ import annotations

from jupyter_mlagent.journal.records import (
    MalformedReply,
    Step,
    StepFilter,
    StepSummary,
    StepVerdict,
    SuggestionRecord,
    state_hash,
)
from jupyter_mlagent.journal.store import Journal

__all__ = [
    "Journal",
    "MalformedReply",
    "Step",
    "StepFilter",
    "StepSummary",
    "StepVerdict",
    "SuggestionRecord",
    "state_hash",
]
