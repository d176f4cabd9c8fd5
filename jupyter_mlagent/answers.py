"""What the command line answers with --json: one object per command, documented as JSON schemas in docs/."""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_mlagent.events import Ranked, Started, Timings
from jupyter_mlagent.records import Anchor, Candidate, Operator, Prediction, Record, Task, Trial


class RankedProposal(Record):
    """One row of the ranked table, best first."""

    rank: int
    id: str
    operator: Operator
    plan: str
    code: str
    source_hash: str
    anchor: Anchor
    predicted: Prediction | None
    """What a search expected it to measure, said before the trial; null outside a search."""
    reward: float
    """In [0, 1]; 0.5: changed nothing."""
    scored: bool
    """False for a trial that is no evidence either way (timeout, out of memory, blocked, not tried)."""
    trial: Trial


class SuggestAnswer(Record):
    """`mlagent suggest --json`."""

    task: Task
    notebook: str
    model: str
    metric_before: float | None
    proposals: tuple[RankedProposal, ...]
    dropped: tuple[str, ...]
    """Why sampled replies did not become proposals."""
    notices: tuple[str, ...]
    timings: Timings


class RunAnswer(Record):
    """`mlagent run --json`."""

    task: Task
    notebook: str
    out: str | None
    model: str
    metric_start: float | None
    metric_end: float | None
    steps: int
    kept: tuple[RankedProposal, ...]
    reproduced: bool | None
    """Whether the output notebook gave `metric_end` again in a fresh kernel; None when nothing was kept."""
    reproduced_metric: float | None
    message: str
    seconds: float


def ranked_proposal(candidate: Candidate) -> RankedProposal:
    return RankedProposal(
        rank=candidate.rank,
        reward=candidate.reward,
        scored=candidate.scored,
        trial=candidate.trial,
        **{name: getattr(candidate.proposal, name) for name in candidate.proposal.__struct_fields__},
    )


def suggest_answer(
    started: Started, ranked: Ranked, *, notebook: str, notices: tuple[str, ...]
) -> SuggestAnswer:
    return SuggestAnswer(
        task=Task(metric=started.metric),
        notebook=notebook,
        model=started.model,
        metric_before=started.metric_before,
        proposals=tuple(ranked_proposal(candidate) for candidate in ranked.candidates),
        dropped=ranked.dropped,
        notices=notices,
        timings=ranked.timings,
    )


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON schema (2020-12) of every answer."""
    return {
        "suggest.schema.json": msgspec.json.schema(SuggestAnswer),
        "run.schema.json": msgspec.json.schema(RunAnswer),
    }
